"""Training: objective, loop, checkpoints."""
