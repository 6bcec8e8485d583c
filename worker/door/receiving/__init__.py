"""Taking a photo in: whether there is room, and its bytes."""
