"""From log-probabilities over time to events (numpy only)."""
