"""What a browser sees of the playground: its routes, their guard, and the stream of events."""
