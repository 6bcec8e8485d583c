"""Loads models, runs them on the fastest engine, reads their outputs and loads newer versions."""
