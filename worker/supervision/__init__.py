"""The main thread: signals, leases, health, and protection from scale-in."""
