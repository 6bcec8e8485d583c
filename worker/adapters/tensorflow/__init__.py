"""TensorFlow and LiteRT."""
