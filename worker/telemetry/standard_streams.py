"""Keeps whoever reads stdout and stderr from blocking or ending the worker."""

import atexit
import os
import stat
import sys
from contextlib import suppress
from typing import TextIO, cast

from worker.errors import ConfigurationError
from worker.telemetry.line_writer import LineWriter

STDOUT, STDERR = 1, 2  # file descriptors


def guard_stderr() -> LineWriter:
    """Write all that goes to sys.stderr from a thread: the log, warnings, tracebacks.

    With stderr closed they go to stdout, and nowhere if that is closed too.
    """
    closed = [descriptor for descriptor in (STDOUT, STDERR) if not _is_open(descriptor)]
    for descriptor in closed:  # or the next file or socket would get what libraries write there
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    stream = LineWriter(STDOUT, "stdout") if closed == [STDERR] else LineWriter(STDERR, "stderr")
    sys.stderr = cast("TextIO", stream)
    atexit.register(stream.drain)
    _unblock(STDERR)
    return stream


def open_stdout() -> LineWriter:
    """Open stdout for lines. Raises ConfigurationError when it is closed."""
    if sys.stdout is None:
        raise ConfigurationError(
            "stdout is closed, but metrics go there; open it, or set WORKER_METRICS=none"
        )
    return LineWriter(sys.stdout.fileno(), "stdout")


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _unblock(descriptor: int) -> None:
    """Let what C++ writes to a full pipe be dropped, instead of blocking its thread.

    The pipe is opened again for that: a flag of the one that we got would also be its other users'.
    """
    if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        with suppress(OSError):  # its reader has gone, or it is not ours to open
            again = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK)
            os.dup2(again, descriptor)
            os.close(again)
