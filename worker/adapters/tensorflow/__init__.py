"""TensorFlow: runs any model, and translates models for LiteRT."""
