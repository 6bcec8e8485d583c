"""Log lines, counters and metrics, and where they go."""
