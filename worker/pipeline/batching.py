"""When a batch is ready. Knows nothing of what is in it.

A device takes what is there the moment it is free: while it works, the next batch gathers by itself. Several devices
that are free at once share what is there. Waiting for more is off unless a longest wait is set, and then done only
where it pays: when the time that a fuller batch saves is longer than the next item is likely to take. No item is made
late by company, neither by waiting for it nor by the time that a larger batch takes; nor does a late one wait.
"""

import queue
from collections.abc import Callable
from typing import Generic, Literal, TypeVar

from worker.pipeline.queues import BoundedQueue, ShutDown

T = TypeVar("T")
Closed = Literal["full", "device_free", "deadline"]  # why a batch took no more

GAP_WEIGHT = 1 / 8  # of a new gap in the running mean


def take_batch(items: BoundedQueue[T], largest: int, *, idle: float) -> list[T]:
    """Take the 1 … `largest` items that are there; an empty list after `idle` seconds without any.

    Raises ShutDown once the queue is closed and empty.
    """
    batch: list[T] = []
    try:
        batch.append(items.get(timeout=idle))
        while len(batch) < largest:
            batch.append(items.get(block=False))
    except queue.Empty:
        pass
    except ShutDown:
        if not batch:
            raise
    return batch


class Batching(Generic[T]):
    """Gathers batches for a device, for one thread."""

    def __init__(
        self,
        items: BoundedQueue[T],
        *,
        since: Callable[[T], float],
        deadline: Callable[[T], float],
        expected: Callable[[int], float],
        wait: float,
        clock: Callable[[], float],
    ) -> None:
        """`since` and `deadline` tell when an item was ready and must be done, `expected` a batch's seconds by size.

        `wait` is the longest wait for a fuller batch, in seconds from its first item's `since` on.
        """
        self._items = items
        self._since = since
        self._deadline = deadline
        self._expected = expected
        self._wait = wait
        self._clock = clock
        self._gap = float("inf")  # seconds between two items, running mean

    def take(self, largest: int, idle: float) -> tuple[list[T], Closed]:
        """Take 1 … `largest` items in their order, and why no more; none after `idle` seconds without any.

        Raises ShutDown once the queue is closed and empty; a queue closed meanwhile ends the wait.
        """
        try:
            batch = [self._items.get(timeout=idle)]
        except queue.Empty:
            return [], "device_free"
        due, most = self._deadline(batch[0]), min(largest, self._share())
        while len(batch) < most:
            slack = due - self._clock() - self._expected(len(batch) + 1)
            if slack < 0 <= due - self._clock() - self._expected(len(batch)) and not self._items.empty():
                return batch, "deadline"
            item = self._next(min(self._patience(batch), slack))
            if item is None:
                return batch, "device_free"
            self._learn(batch[-1], item)
            batch.append(item)
            due = min(due, self._deadline(item))
        return batch, "full" if len(batch) == largest else "device_free"

    def _share(self) -> int:
        """How many of the items that are there, and the one in hand, are for this device: others may be free too."""
        if self._wait:
            return self._items.maxsize
        there = 1 + self._items.qsize()
        return -(-there // (1 + self._items.takers))

    def _next(self, patience: float) -> T | None:
        try:
            return self._items.get(timeout=patience) if patience > 0 else self._items.get(block=False)
        except (queue.Empty, ShutDown):
            return None

    def _patience(self, batch: list[T]) -> float:
        """Seconds that it pays to wait for one more: none unless it is likely to come sooner than its company saves."""
        if not self._wait:
            return 0.0
        saved = self._expected(len(batch)) + self._expected(1) - self._expected(len(batch) + 1)
        left = self._since(batch[0]) + self._wait - self._clock()
        return min(left, saved) if self._gap < saved else 0.0

    def _learn(self, before: T, after: T) -> None:
        gap = max(0.0, self._since(after) - self._since(before))
        self._gap = gap if self._gap == float("inf") else self._gap + (gap - self._gap) * GAP_WEIGHT
