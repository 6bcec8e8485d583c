"""What remembering photos finds, misses and costs."""
