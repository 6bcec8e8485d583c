"""The index in Redis: time and memory by photos remembered."""
