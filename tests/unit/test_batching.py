"""When a batch is ready: what is there is taken, a wait is counted from the first item."""

import pytest

from worker.batching import take_batch
from worker.queues import BoundedQueue, ShutDown


def filled(*items: float, size: int = 64) -> BoundedQueue[float]:
    queue: BoundedQueue[float] = BoundedQueue(size)
    for item in items:
        queue.put(item)
    return queue


class Clock:
    """Shows the same time until told another."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_takes_what_is_there_without_waiting() -> None:
    assert take_batch(filled(1, 2, 3), 8, idle=0.001) == [1, 2, 3]


def test_takes_no_more_than_the_largest_batch_and_leaves_the_rest() -> None:
    items = filled(1, 2, 3)
    assert take_batch(items, 2, idle=0.001) == [1, 2]
    assert take_batch(items, 2, idle=0.001) == [3]


def test_a_single_item_is_a_batch() -> None:
    assert take_batch(filled(1), 1, idle=0.001) == [1]


def test_nothing_there_gives_an_empty_batch_after_the_idle_time() -> None:
    assert take_batch(filled(), 8, idle=0.001) == []


def test_an_item_that_waited_for_the_consumer_does_not_wait_again() -> None:
    clock = Clock(now=100.0)
    batch = take_batch(filled(90.0), 8, idle=0.001, wait=5.0, since=lambda at: at, clock=clock)
    assert batch == [90.0]


def test_the_wait_ends_with_its_time_counted_from_the_first_item() -> None:
    clock = Clock(now=10.0)
    waits: list[float | None] = []

    class Watched(BoundedQueue[float]):
        def get(self, block: bool = True, timeout: float | None = None) -> float:
            if waits and timeout:
                clock.now += 0.4  # a later item comes 0.4 s after the look
                if len(waits) < 3:
                    self.put(clock.now)
            waits.append(timeout if block else None)
            return super().get(block, timeout if len(waits) < 4 else 0.001)

    items = Watched(8)
    items.put(10.0)
    batch = take_batch(items, 8, idle=1.0, wait=1.0, since=lambda at: at, clock=clock)
    assert batch == [10.0, 10.4, 10.8]
    assert waits == [1.0, pytest.approx(1.0), pytest.approx(0.6), pytest.approx(0.2), None][: len(waits)]


def test_a_queue_closed_while_waiting_gives_what_was_taken() -> None:
    items = filled(1.0)
    items.shutdown()
    assert take_batch(items, 8, idle=1.0, wait=5.0, since=lambda _: 0.0, clock=lambda: 0.0) == [1.0]
    with pytest.raises(ShutDown):
        take_batch(items, 8, idle=1.0)
