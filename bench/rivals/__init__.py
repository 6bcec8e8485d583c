"""Other ways to score the same photos, and the worker itself, each as a process of its own."""
