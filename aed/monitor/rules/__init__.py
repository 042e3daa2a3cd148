"""What is worth telling, and when."""
