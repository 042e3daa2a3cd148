"""Tree heads: embeddings to log-probabilities of every node."""
