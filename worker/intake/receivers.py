"""Who is inside a receive: its long poll would bring back what this worker releases meanwhile.

After `close` no receive begins any more, and what is released waits for the last one to end.
Otherwise a dying worker would receive its own messages again, which costs each a receive.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from worker.messages import Message

Entries = Sequence[tuple[Message, int]]  # messages, each with the seconds to hide it


class Receivers:
    """Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._closed = self._paused = False
        self._kept: list[tuple[Message, int]] = []

    @contextmanager
    def inside(self) -> Iterator[bool]:
        """Be inside a receive. False if none may begin."""
        with self._changed:
            allowed = not (self._closed or self._paused)
            self._inside += allowed
        try:
            yield allowed
        finally:
            with self._changed:
                self._inside -= allowed
                self._changed.notify_all()

    def close(self) -> None:
        """Let no receive begin any more."""
        with self._changed:
            self._closed = True

    def pause(self, paused: bool = True) -> None:
        """Let no receive begin for a while."""
        with self._changed:
            self._paused = paused

    def wait_until_none(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds until nobody is inside a receive. Returns whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: self._inside == 0, timeout)

    def keep(self, entries: Entries) -> bool:
        """Keep what is to be released until the last receive has ended. False if nothing needs to wait."""
        with self._changed:
            must_wait = self._closed and self._inside > 0
            if must_wait:
                self._kept += entries
            return must_wait

    def take_kept(self) -> Entries:
        """Take what may be released now. Nothing while somebody is inside a receive."""
        with self._changed:
            if self._inside:
                return []
            kept, self._kept = self._kept, []
            return kept
