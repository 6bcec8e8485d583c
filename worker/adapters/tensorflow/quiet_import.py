"""Keeps what C++ libraries print on their own out of the log."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_WANTED = LEVEL in os.environ  # somebody wants to hear them


@contextmanager
def start_up_chatter_muted() -> Iterator[None]:
    """TensorFlow's C++ parts print on stderr, between our JSON lines; set TF_CPP_MIN_LOG_LEVEL to hear them.

    For the start, while only the main thread runs: nobody else's lines may get lost.
    """
    if _WANTED:
        yield
        return
    os.environ[LEVEL] = "2"  # errors only, from now on
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
