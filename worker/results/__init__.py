"""Stored results: their keys in Redis, when one can be reused, and how look-alikes are found."""
