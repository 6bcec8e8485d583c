"""Several bounded queues that the same threads take from, each with places and a share of its own.

A lane that is empty or blocked leaves its share to the others. Of those that have items, the next one
is the lane that has had the least for its share (stride scheduling: C. A. Waldspurger and W. E. Weihl,
MIT/LCS/TM-528, 1995).
"""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from worker.pipeline.queues import BoundedQueue, ShutDown

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

CREDIT = 8.0  # items that a lane may catch up on after a moment without any


class Supply(Protocol[T_co]):
    """What threads take items from: a bounded queue, or several lanes."""

    def get(self, block: bool = True, timeout: float | None = None) -> T_co:
        """Wait for an item. Raises queue.Empty after `timeout` seconds, ShutDown once closed and empty."""

    @property
    def alive(self) -> Callable[[], None]:
        """Tells that the calling thread does not hang."""


class Lane(BoundedQueue[T]):
    """One of several queues. `share`: the part of all work that it gets while all have items."""

    def __init__(self, maxsize: int, share: float = 1.0, blocked: Callable[[], bool] = lambda: False) -> None:
        """`blocked`: whether nothing may be taken from it now."""
        super().__init__(maxsize)
        self.share, self.blocked = share, blocked
        self.passed = 0.0  # work taken, divided by the share

    def use(self, mutex: threading.Lock, not_empty: threading.Condition) -> None:
        """Share a lock with other lanes, so that a taker can wait for all of them."""
        self.mutex, self.not_empty = mutex, not_empty
        self.not_full, self._more_room = threading.Condition(mutex), threading.Condition(mutex)

    @property
    def is_ready(self) -> bool:
        """Whether it has an item that may be taken."""
        return bool(self.queue) and not self.blocked()

    @property
    def is_over(self) -> bool:
        """Whether nothing comes any more."""
        return self.is_shutdown and not self.queue


class Lanes(Generic[T]):
    """Takes from several lanes by their shares. Make it before anybody uses them."""

    def __init__(self, lanes: Sequence[Lane[T]], work: Callable[[T], float] = lambda _: 1.0) -> None:
        """`work`: how much an item counts."""
        self._lanes, self._work = lanes, work
        self._virtual = 0.0  # where the lane that had the least was, when it was taken from last
        for lane in lanes[1:]:
            lane.use(lanes[0].mutex, lanes[0].not_empty)

    @property
    def alive(self) -> Callable[[], None]:
        """Tells that the calling thread does not hang."""
        return self._lanes[0].alive

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """Wait for an item. Raises queue.Empty after `timeout` seconds, ShutDown once all are closed and empty."""
        first = self._lanes[0]
        with first.mutex:
            if not first.wait(first.not_empty, self._has_item_or_over, timeout if block else 0):
                raise queue.Empty
            ready = [lane for lane in self._lanes if lane.is_ready]
            if not ready:
                raise ShutDown
            lane = min(ready, key=self._catch_up)
            self._virtual = lane.passed
            item = lane.take()
            lane.passed += self._work(item) / lane.share
            return item

    def _catch_up(self, lane: Lane[T]) -> float:
        """Let nobody claim later what it left to others."""
        lane.passed = max(lane.passed, self._virtual - CREDIT / lane.share)
        return lane.passed

    def _has_item_or_over(self) -> bool:
        return any(lane.is_ready for lane in self._lanes) or all(lane.is_over for lane in self._lanes)
