"""The models that the worker can run, each as a recipe that builds its bundle."""
