"""Models: read from disk or S3, run on the fastest engine, exchanged while they serve, their outputs read."""
