"""Audio in: reading, resampling, and sounds made by formula."""
