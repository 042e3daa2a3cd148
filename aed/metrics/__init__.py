"""Figures of merit for clips, hierarchies and events."""
