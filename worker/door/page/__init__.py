"""The page where one sees the worker at work: what it shows, and how that reaches its viewers."""
