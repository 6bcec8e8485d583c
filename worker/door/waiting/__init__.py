"""Those who wait for results: clients that sent a photo, and readers."""
