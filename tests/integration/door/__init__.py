"""The door, in a real worker."""
