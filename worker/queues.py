"""A bounded `queue.Queue` that can be closed, with the verbs that Python 3.13 gave it."""

import queue
from typing import TypeVar

T = TypeVar("T")


class ShutDown(Exception):  # noqa: N818 - the name in Python 3.13's queue
    """Raised by `put` once the queue is closed, and by `get` once it is closed and empty."""


class BoundedQueue(queue.Queue[T]):
    """`shutdown()` lets what is inside be taken, `shutdown(immediate=True)` drops it; both wake every waiter."""

    def __init__(self, maxsize: int) -> None:
        super().__init__(maxsize)
        self.is_shutdown = False

    def put(self, item: T, block: bool = True, timeout: float | None = None) -> None:
        """Wait for a free place; raises queue.Full after `timeout` seconds, ShutDown once closed."""
        with self.not_full:
            if not self.not_full.wait_for(self._has_room_or_closed, timeout if block else 0):
                raise queue.Full
            if self.is_shutdown:
                raise ShutDown
            self._put(item)
            self.unfinished_tasks += 1
            self.not_empty.notify()

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """Wait for an item; raises queue.Empty after `timeout` seconds, ShutDown once closed and empty."""
        with self.not_empty:
            if not self.not_empty.wait_for(
                lambda: self._qsize() or self.is_shutdown, timeout if block else 0
            ):
                raise queue.Empty
            if not self._qsize():
                raise ShutDown
            item: T = self._get()
            self.not_full.notify()
            return item

    def room(self, timeout: float) -> int:
        """Wait up to `timeout` seconds for a free place; how many there are. Raises ShutDown once closed."""
        with self.not_full:
            self.not_full.wait_for(self._has_room_or_closed, timeout)
            if self.is_shutdown:
                raise ShutDown
            free = self.maxsize - self._qsize()
            if free:
                self.not_full.notify()  # this look used up a wake-up that a waiting `put` may need
            return free

    def shutdown(self, immediate: bool = False) -> None:
        """Refuse puts from now on and gets once empty; with `immediate`, empty it first."""
        with self.mutex:
            self.is_shutdown = True
            if immediate:
                self.queue.clear()
                self.unfinished_tasks = 0
                self.all_tasks_done.notify_all()
            self.not_empty.notify_all()
            self.not_full.notify_all()

    def _has_room_or_closed(self) -> bool:
        return self.is_shutdown or self._qsize() < self.maxsize
