"""A bounded `queue.Queue` that can be closed, as Python 3.13's can."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")

SLICE = 1.0  # seconds between two signs of life of a waiting thread


class ShutDown(Exception):  # noqa: N818 - the name in Python 3.13's queue
    """Raised by `put` once the queue is closed, by `get` once it is closed and empty."""


class BoundedQueue(queue.Queue[T]):
    """`shutdown()` lets the items inside be taken, `shutdown(immediate=True)` drops them.

    A waiting thread calls `alive` at least once a second: waiting is not hanging.
    """

    def __init__(self, maxsize: int) -> None:
        super().__init__(maxsize)
        # For callers that need several free places. Notified once few enough items are left for one of
        # them: a thread that is woken to wait again costs as much as all else that a queue does.
        self._more_room = threading.Condition(self.mutex)
        self._few_enough = -1  # items; nobody waits
        self.takers = 0  # threads waiting for an item
        self._putters = 0  # threads waiting for a place
        self.is_shutdown = False
        self.cancelled = threading.Event()  # shut down with `immediate`
        self.alive: Callable[[], None] = lambda: None

    def put(self, item: T, block: bool = True, timeout: float | None = None) -> None:
        """Wait for a free place. Raises queue.Full after `timeout` seconds, ShutDown once closed."""
        self.put_all([item], timeout if block else 0)

    def put_all(self, items: Iterable[T], timeout: float | None = None) -> None:
        """Put items in order, waiting for places as `put` does. A taker finds them together."""
        left = deque(items)
        with self.mutex:
            while left:
                self._putters += 1
                has_room = self.wait(self.not_full, self._has_room_or_closed, timeout)
                self._putters -= 1
                if not has_room:
                    raise queue.Full
                if self.is_shutdown:
                    raise ShutDown
                count = min(len(left), self.maxsize - len(self.queue))
                for _ in range(count):
                    self._put(left.popleft())
                self.not_empty.notify(count)

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """Wait for an item. Raises queue.Empty after `timeout` seconds, ShutDown once closed and empty."""
        with self.mutex:
            self.takers += 1
            arrived = self.wait(self.not_empty, self._has_item_or_closed, timeout if block else 0)
            self.takers -= 1
            if not arrived:
                raise queue.Empty
            if not len(self.queue):
                raise ShutDown
            return self.take()

    def get_more(self, most: int) -> list[T]:
        """Take up to `most` items that are there, without waiting."""
        with self.mutex:
            return [self.take() for _ in range(min(most, len(self.queue)))]

    def take(self) -> T:
        """Take an item that is there. The caller holds the lock."""
        item: T = self._get()
        if self._putters:
            self.not_full.notify()
        if len(self.queue) <= self._few_enough:
            self._few_enough = -1
            self._more_room.notify_all()
        return item

    def room(self, places: int, timeout: float) -> int:
        """Wait up to `timeout` seconds for free places; returns how many there are. Raises ShutDown once closed."""
        enough = self.maxsize - min(places, self.maxsize)

        def is_there() -> bool:
            if self.is_shutdown or len(self.queue) <= enough:
                return True
            self._few_enough = max(self._few_enough, enough)
            return False

        with self.mutex:
            self.wait(self._more_room, is_there, timeout)
            if self.is_shutdown:
                raise ShutDown
            return self.maxsize - len(self.queue)

    def shutdown(self, immediate: bool = False) -> None:
        """Refuse puts from now on, and gets once empty. With `immediate`, empty it first."""
        with self.mutex:
            self.is_shutdown = True
            if immediate:
                self.cancelled.set()
                self.queue.clear()
            for waiting in (self.not_empty, self.not_full, self._more_room):
                waiting.notify_all()

    def _has_room_or_closed(self) -> bool:
        return self.is_shutdown or len(self.queue) < self.maxsize

    def _has_item_or_closed(self) -> bool:
        return self.is_shutdown or len(self.queue) > 0

    def wait(self, condition: threading.Condition, holds: Callable[[], bool], timeout: float | None) -> bool:
        """Wait up to `timeout` seconds until `holds` does. Returns whether it does. The caller holds the lock."""
        left = timeout
        while not holds():
            self.alive()
            if left is not None and left <= 0:
                return False
            part = SLICE if left is None else min(SLICE, left)
            condition.wait_for(holds, part)
            left = None if left is None else left - part
        return True
