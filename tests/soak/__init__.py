"""A steady load of photos while faults are drawn at random, and the accounting at its end."""
