"""LiteRT, on its own: it runs translations on CPUs, without TensorFlow."""
