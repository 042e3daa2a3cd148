"""The dashboard: a page, what it asks for, and who may ask."""
