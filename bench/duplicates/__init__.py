"""What the index of duplicates finds, misses and costs."""
