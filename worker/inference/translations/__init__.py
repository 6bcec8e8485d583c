"""Translations: what lets a model run on LiteRT without TensorFlow, and where they are kept."""
