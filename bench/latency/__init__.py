"""Milliseconds from PUT to result."""
