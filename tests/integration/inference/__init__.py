"""Real TensorFlow and LiteRT."""
