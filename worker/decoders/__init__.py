"""Processes that decode photos: a hostile photo can end one of them, never the worker."""
