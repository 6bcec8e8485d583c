"""Keeps what TensorFlow's C++ parts print at start out of the log."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
IS_SET_BY_USER = LEVEL in os.environ


@contextmanager
def mute_startup_output() -> Iterator[None]:
    """Set TF_CPP_MIN_LOG_LEVEL, unless it is set already, and discard stderr meanwhile.

    Use it only while the main thread is alone: lines of other threads would be lost too.
    """
    if IS_SET_BY_USER:
        yield
        return
    os.environ[LEVEL] = "2"  # errors only, from now on
    sys.stderr.flush()
    stderr, devnull = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(devnull, 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(devnull)
