"""How fast a model is on this machine, and what it takes."""
