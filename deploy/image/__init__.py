"""Builds the worker's image with whatever engine there is, and checks a built one by running it."""
