"""Models: load them, run them on the fastest engine, read their outputs, swap versions while serving."""
