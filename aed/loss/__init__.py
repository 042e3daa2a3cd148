"""Losses on log-probabilities of nodes."""
