"""From samples to log-mel frames, and what distorts either for training."""
