"""Photos a second, side by side."""
