"""Loads models, runs them on the fastest engine, reads their outputs, replaces them meanwhile."""
