"""Listening for good: where sound comes from, and what is made of it."""
