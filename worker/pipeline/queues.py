"""A bounded `queue.Queue` that can be closed, with the verbs that Python 3.13 gave it."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")

SLICE = 1.0  # seconds after which somebody who waits says that it is alive


class ShutDown(Exception):  # noqa: N818 - the name in Python 3.13's queue
    """Raised by `put` once the queue is closed, and by `get` once it is closed and empty."""


class BoundedQueue(queue.Queue[T]):
    """`shutdown()` lets what is inside be taken, `shutdown(immediate=True)` drops it; both wake every waiter.

    `alive` is called, in the waiting thread, at least each second of a wait: back-pressure is no hang.
    """

    def __init__(self, maxsize: int) -> None:
        super().__init__(maxsize)
        # For who waits for several places, and is woken by every get.
        self._roomier = threading.Condition(self.mutex)
        self.takers = 0  # threads that wait for an item
        self.is_shutdown = False
        self.cancelled = threading.Event()  # shut down with `immediate`
        self.alive: Callable[[], None] = lambda: None

    def put(self, item: T, block: bool = True, timeout: float | None = None) -> None:
        """Wait for a free place; raises queue.Full after `timeout` seconds, ShutDown once closed."""
        self.put_all([item], timeout if block else 0)

    def put_all(self, items: Iterable[T], timeout: float | None = None) -> None:
        """Put them in order, waiting for places as `put` does; who takes finds together what is put together."""
        left = deque(items)
        with self.not_full:
            while left:
                if not self._wait(self.not_full, self._has_room_or_closed, timeout):
                    raise queue.Full
                if self.is_shutdown:
                    raise ShutDown
                count = min(len(left), self.maxsize - self._qsize())
                for _ in range(count):
                    self._put(left.popleft())
                self.not_empty.notify(count)

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """Wait for an item; raises queue.Empty after `timeout` seconds, ShutDown once closed and empty."""
        with self.not_empty:
            self.takers += 1
            there = self._wait(self.not_empty, self._has_item_or_closed, timeout if block else 0)
            self.takers -= 1
            if not there:
                raise queue.Empty
            if not self._qsize():
                raise ShutDown
            item: T = self._get()
            self.not_full.notify()
            self._roomier.notify_all()
            return item

    def room(self, wanted: int, timeout: float) -> int:
        """Wait up to `timeout` seconds for so many free places; how many there are. Raises ShutDown once closed."""
        with self._roomier:
            enough = self.maxsize - min(wanted, self.maxsize)
            self._wait(self._roomier, lambda: self.is_shutdown or self._qsize() <= enough, timeout)
            if self.is_shutdown:
                raise ShutDown
            return self.maxsize - self._qsize()

    def shutdown(self, immediate: bool = False) -> None:
        """Refuse puts from now on and gets once empty; with `immediate`, empty it first."""
        with self.mutex:
            self.is_shutdown = True
            if immediate:
                self.cancelled.set()
                self.queue.clear()
            for waiting in (self.not_empty, self.not_full, self._roomier):
                waiting.notify_all()

    def _has_room_or_closed(self) -> bool:
        return self.is_shutdown or self._qsize() < self.maxsize

    def _has_item_or_closed(self) -> bool:
        return self.is_shutdown or self._qsize() > 0

    def _wait(self, condition: threading.Condition, holds: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until it holds, up to `timeout` seconds; whether it does."""
        left = timeout
        while not holds():
            self.alive()
            if left is not None and left <= 0:
                return False
            part = SLICE if left is None else min(SLICE, left)
            condition.wait_for(holds, part)
            left = None if left is None else left - part
        return True
