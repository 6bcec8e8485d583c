"""Keeps what C++ libraries print at their start out of the log."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def start_up_chatter_muted() -> Iterator[None]:
    """TensorFlow's C++ parts greet on stderr, between our JSON lines; set TF_CPP_MIN_LOG_LEVEL to hear them."""
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        yield
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"  # errors only, from now on
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
