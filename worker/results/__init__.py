"""What is known of photos: their names in Redis, results that are still good, look-alikes."""
