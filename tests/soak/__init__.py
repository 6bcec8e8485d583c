"""`make soak`: a steady load of photos during random faults, and the accounting at the end."""
