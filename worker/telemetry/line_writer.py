"""Writes lines from a thread of its own, so that a slow reader never blocks the worker."""

import queue
import threading
from contextlib import suppress
from typing import TextIO

MAX_WAITING = 1000  # lines in the buffer; further ones are dropped
FLUSH_TIMEOUT = 2.0  # seconds


class LineWriter:
    """Writes in order. Thread-safe, and never raises.

    Give it a stream of its own, not `sys.stdout`: Python flushes `sys.stdout` at exit, which fails
    when the reader has gone, and aborts the process while a thread is blocked in a write.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: queue.Queue[str] = queue.Queue(MAX_WAITING)
        threading.Thread(target=self._write_all, name="lines", daemon=True).start()

    def write(self, line: str) -> None:
        """Put a line into the buffer; drop it when the buffer is full."""
        with suppress(queue.Full):
            self._waiting.put_nowait(line)

    def flush(self) -> None:
        """Wait until everything is written, up to FLUSH_TIMEOUT."""
        with self._waiting.all_tasks_done:
            self._waiting.all_tasks_done.wait_for(lambda: not self._waiting.unfinished_tasks, FLUSH_TIMEOUT)

    def _write_all(self) -> None:
        while True:
            line = self._waiting.get()
            with suppress(OSError, ValueError):  # the reader has gone: keep scoring
                self._stream.write(line)
                self._stream.flush()
            self._waiting.task_done()
