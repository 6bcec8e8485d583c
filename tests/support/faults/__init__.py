"""Real services with faults to order, and the accounting of every call."""
