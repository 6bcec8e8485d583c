"""Parts by themselves: no process, no network, no TensorFlow."""
