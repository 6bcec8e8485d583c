"""Turns a photo's bytes into an array and a perceptual hash."""
