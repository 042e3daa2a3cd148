"""Models as repositories of a model hub: what travels, how it is fetched and pushed, the card that is read there."""
