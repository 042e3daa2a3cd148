"""The protocol `samples -> log P(node) over time`, and its backends."""
