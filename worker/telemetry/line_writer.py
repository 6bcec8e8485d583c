"""Writes lines from a thread of its own, so that a slow reader never blocks the worker."""

import io
import os
import queue
import select
import threading

import structlog

MAX_WAITING = 10_000  # lines in the buffer; further ones are dropped
DRAIN_TIMEOUT = 1.0  # seconds


class LineWriter(io.TextIOBase):
    """Writes in order to a file descriptor. Thread-safe, never raises, and can stand in for sys.stderr.

    It keeps nothing in Python's own buffers. Those are flushed at exit, which fails when the reader
    has gone, and aborts the process while a thread is blocked in a write.
    """

    def __init__(self, descriptor: int, name: str) -> None:
        """`name` is what the log calls it."""
        self._copy = os.dup(descriptor)  # the number may stand for something else for a while
        self._descriptor = descriptor
        self._name = name
        self._waiting: queue.SimpleQueue[bytes | threading.Event] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._next = b""  # taken from there, but not yet written
        self._dropped = 0  # lines since the last one that was written
        self._is_torn = False  # whether the reader has the beginning of a line that was dropped
        self._thread = threading.Thread(target=self._write_all, name=f"{name}-lines", daemon=True)
        self._thread.start()

    def write(self, text: str) -> int:
        """Put text into the buffer; drop it when the buffer is full."""
        data = text.encode(errors="backslashreplace")
        if self._waiting.qsize() < MAX_WAITING or threading.current_thread() is self._thread:
            self._waiting.put(data)
        else:
            self._drop(data)
        return len(text)

    def drain(self) -> None:
        """Wait until everything is written, up to DRAIN_TIMEOUT. `flush` does not wait."""
        written = threading.Event()
        self._waiting.put(written)
        written.wait(DRAIN_TIMEOUT)

    def isatty(self) -> bool:
        """Whether the reader is a terminal."""
        return os.isatty(self._copy)

    def fileno(self) -> int:
        """Return the descriptor, for what a library writes to it directly."""
        return self._descriptor

    def _write_all(self) -> None:
        while True:
            data, written = self._take()
            if data:
                self._write(data)
            if written:
                written.set()

    def _take(self) -> tuple[bytes, threading.Event | None]:
        """Wait for lines. What waits already is taken along, as much as a pipe takes whole.

        So lines of other processes do not get into ours. The event is one of `drain`.
        """
        taken, self._next = self._next, b""
        while not taken or not self._waiting.empty():
            data = self._waiting.get()
            if isinstance(data, threading.Event):
                return taken, data
            if taken and len(taken) + len(data) > select.PIPE_BUF:
                self._next = data
                break
            taken += data
        return taken, None

    def _write(self, data: bytes) -> None:
        """Write lines; drop what is not written, which may begin within a line."""
        left = begun = b"\n" + data if self._is_torn else data
        try:
            while left:
                left = left[os.write(self._copy, left) :]
        except OSError:  # the reader has gone, or the disk is full: keep scoring
            if written := begun[: -len(left)]:
                self._is_torn = not written.endswith(b"\n")
            self._drop(left[-len(data) :])
        else:
            self._is_torn = False
            self._tell_dropped()

    def _drop(self, data: bytes) -> None:
        with self._lock:
            self._dropped += data.count(b"\n")

    def _tell_dropped(self) -> None:
        """Log how many lines are missing, once the reader takes lines again."""
        with self._lock:
            dropped, self._dropped = self._dropped, 0
        if dropped:
            structlog.get_logger().warning("lines_dropped", stream=self._name, lines=dropped)
