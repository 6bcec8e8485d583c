"""Threads, bounded queues and batches. Knows nothing of photos, SQS, Redis or TensorFlow."""
