"""Log lines, counters, metrics and spans, and where they go."""
