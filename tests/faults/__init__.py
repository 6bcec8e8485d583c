"""One file per fault: real services, the worker as a process of its own, and the same accounting at the end of each."""
