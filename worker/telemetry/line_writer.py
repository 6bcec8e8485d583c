"""Lines for whoever reads a stream: one who is slow, stands still or has gone keeps only a thread of theirs waiting."""

import queue
import threading
from contextlib import suppress
from typing import TextIO

MOST = 1000  # lines that may wait; further ones are dropped
PATIENCE = 2.0  # seconds that the last of them may take


class Lines:
    """Written in order; thread-safe, and it never raises.

    The stream must be nobody else's, nor `sys.stdout` itself: the interpreter's end flushes that, which fails when the
    reader has gone, and aborts the process while a thread stands in a write.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: queue.Queue[str] = queue.Queue(MOST)
        threading.Thread(target=self._write_all, name="lines", daemon=True).start()

    def write(self, line: str) -> None:
        """Have a line written."""
        with suppress(queue.Full):
            self._waiting.put_nowait(line)

    def flush(self) -> None:
        """Wait until all is written, PATIENCE at most."""
        with self._waiting.all_tasks_done:
            self._waiting.all_tasks_done.wait_for(lambda: not self._waiting.unfinished_tasks, PATIENCE)

    def _write_all(self) -> None:
        while True:
            line = self._waiting.get()
            with suppress(OSError, ValueError):  # the reader has gone: no reason to stop scoring
                self._stream.write(line)
                self._stream.flush()
            self._waiting.task_done()
