"""What is remembered: events, clips, for how long, and what of voices."""
