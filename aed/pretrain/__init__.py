"""Self-supervised pretraining of the encoder: what is shown to it, and what it learns from that. No labels."""
