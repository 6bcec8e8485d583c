"""Decides when a batch is ready. Knows nothing of its items.

A free device takes the items that are there. The next batch gathers while the device works. Devices
that are free at the same time share the items. Waiting for a fuller batch is off unless a longest
wait is set, and happens only where it pays: when a fuller batch saves more time than the next item
is likely to take. Batching never makes an item late, and an item that is already late never waits.
"""

import queue
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from worker.pipeline.queues import BoundedQueue, ShutDown

T = TypeVar("T")
Closed = Literal["full", "device_free", "deadline"]  # why a batch stopped growing

GAP_WEIGHT = 1 / 8  # weight of a new gap in the running mean


def take_batch(items: BoundedQueue[T], largest: int, *, idle: float) -> list[T]:
    """Take the 1 … `largest` items that are there, or none after `idle` seconds.

    Raises ShutDown once the queue is closed and empty.
    """
    try:
        first = items.get(timeout=idle)
    except queue.Empty:
        return []
    return [first, *items.get_more(largest - 1)]


@dataclass(eq=False)
class Batching(Generic[T]):
    """Gathers batches for one device. Not thread-safe."""

    items: BoundedQueue[T]
    since: Callable[[T], float]  # when an item became ready
    deadline: Callable[[T], float]  # when it must be done
    expected: Callable[[int], float]  # seconds a batch takes, by size
    wait: float  # longest wait for a fuller batch, in seconds after its first item's `since`
    clock: Callable[[], float]

    def __post_init__(self) -> None:
        self._gap = float("inf")  # seconds between two items, as a running mean

    def take(self, largest: int, idle: float) -> tuple[list[T], Closed]:
        """Take 1 … `largest` items in order, or none after `idle` seconds. Says why it took no more.

        Raises ShutDown once the queue is closed and empty. Closing the queue ends a wait.
        """
        try:
            batch = [self.items.get(timeout=idle)]
        except queue.Empty:
            return [], "device_free"
        due, most = self.deadline(batch[0]), min(largest, self._share())
        takes = self.expected(1)
        while len(batch) < most:
            left, took, takes = due - self.clock(), takes, self.expected(len(batch) + 1)
            slack = left - takes
            if slack < 0 <= left - took and not self.items.empty():
                return batch, "deadline"
            item = self._next(min(self._patience(batch), slack))
            if item is None:
                return batch, "device_free"
            self._learn(batch[-1], item)
            batch.append(item)
            due = min(due, self.deadline(item))
        return batch, "full" if len(batch) == largest else "device_free"

    def _share(self) -> float:
        """How many items this device may take, counting the one in hand: other devices may be free too."""
        if self.wait:
            return self.items.maxsize
        return (1 + self.items.qsize()) / (1 + self.items.takers)

    def _next(self, patience: float) -> T | None:
        try:
            return self.items.get(timeout=patience) if patience > 0 else self.items.get(block=False)
        except (queue.Empty, ShutDown):
            return None

    def _patience(self, batch: list[T]) -> float:
        """Seconds worth waiting for one more item: 0 unless it likely comes within the time it saves."""
        if not self.wait:
            return 0.0
        saved = self.expected(len(batch)) + self.expected(1) - self.expected(len(batch) + 1)
        left = self.since(batch[0]) + self.wait - self.clock()
        return min(left, saved) if self._gap < saved else 0.0

    def _learn(self, before: T, after: T) -> None:
        gap = max(0.0, self.since(after) - self.since(before))
        self._gap = gap if self._gap == float("inf") else self._gap + (gap - self._gap) * GAP_WEIGHT
