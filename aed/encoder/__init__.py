"""Representation networks: log-mel frames to embeddings over time."""
