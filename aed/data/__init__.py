"""Data sets, manifests, splits and batches."""
