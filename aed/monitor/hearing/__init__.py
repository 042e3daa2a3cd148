"""What is made of one source: levels, events, what is wrong with it."""
