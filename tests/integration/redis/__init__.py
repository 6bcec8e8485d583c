"""A real Valkey."""
