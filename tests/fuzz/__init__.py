"""Hostile photos: a corpus of awkward ones, damaged ones, and what decoding may cost."""
