"""Hostile photos: a corpus of awkward and damaged ones, and the memory that decoding takes."""
