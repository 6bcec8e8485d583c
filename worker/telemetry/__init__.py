"""Log lines, counts and metrics, and where they go."""
