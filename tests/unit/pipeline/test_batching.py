"""When a batch is ready: it takes the items that are there, waits only if that pays, makes no item late."""

import pytest

from worker.pipeline.batching import Batching, take_batch
from worker.pipeline.queues import BoundedQueue, ShutDown


def fill(*items: float, size: int = 64) -> BoundedQueue[float]:
    queue: BoundedQueue[float] = BoundedQueue(size)
    for item in items:
        queue.put(item)
    return queue


class Clock:
    """Shows the same time until a test changes it."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_a_batch_takes_the_items_that_are_there_without_waiting() -> None:
    assert take_batch(fill(1, 2, 3), 8, idle=0.001) == [1, 2, 3]


def test_a_batch_takes_no_more_than_the_largest_size() -> None:
    items = fill(1, 2, 3)
    assert take_batch(items, 2, idle=0.001) == [1, 2]
    assert take_batch(items, 2, idle=0.001) == [3]


def test_a_single_item_is_a_batch() -> None:
    assert take_batch(fill(1), 1, idle=0.001) == [1]


def test_without_items_a_batch_is_empty_after_the_idle_time() -> None:
    assert take_batch(fill(), 8, idle=0.001) == []


def test_a_closed_queue_gives_what_it_has_and_then_ends() -> None:
    items = fill(1.0)
    items.shutdown()
    assert take_batch(items, 8, idle=1.0) == [1.0]
    with pytest.raises(ShutDown):
        take_batch(items, 8, idle=1.0)


# In these tests an item is the time at which it became ready. It must be done `allowed` seconds later.


class Arriving(BoundedQueue[float]):
    """Items that arrive at their time. A wait moves the clock to the next item, or to its own end."""

    def __init__(self, clock: Clock, *items: float) -> None:
        super().__init__(64)
        self.clock = clock
        self.waits: list[float] = []
        self.coming = sorted(items)
        self._arrive()

    def get(self, block: bool = True, timeout: float | None = None) -> float:
        assert not block or timeout is not None, "it would wait for ever"
        self._arrive()
        if block and timeout is not None and not self.qsize():
            self.waits.append(timeout)
            end = self.clock.now + timeout
            self.clock.now = min([end, *self.coming[:1]])
        self._arrive()
        return super().get(block=False)

    def _arrive(self) -> None:
        while self.coming and self.coming[0] <= self.clock.now:
            self.put(self.coming.pop(0))


def batching(
    items: BoundedQueue[float],
    clock: Clock,
    *,
    allowed: float = 1000.0,
    base: float = 1.0,
    each: float = 1.0,
    wait: float = 0.0,
) -> Batching[float]:
    return Batching(
        items,
        since=lambda at: at,
        deadline=lambda at: at + allowed,
        expected=lambda size: base + each * size,
        wait=wait,
        clock=clock,
    )


def test_a_free_device_takes_the_items_that_are_there() -> None:
    clock = Clock(10.0)
    assert batching(Arriving(clock, 1, 2, 3), clock).take(8, 1.0) == ([1, 2, 3], "device_free")


def test_a_full_batch_says_so() -> None:
    clock = Clock(10.0)
    gathering = batching(Arriving(clock, 1, 2, 3), clock)
    assert gathering.take(2, 1.0) == ([1, 2], "full")
    assert gathering.take(2, 1.0) == ([3], "device_free")


@pytest.mark.parametrize(
    ("others", "taken"), [(0, [1, 2, 3, 4, 5]), (1, [1, 2, 3]), (2, [1, 2]), (4, [1]), (9, [1])]
)
def test_devices_that_are_free_at_once_share_the_items(others: int, taken: list[float]) -> None:
    clock = Clock(10.0)
    items = Arriving(clock, 1, 2, 3, 4, 5)
    items.takers = others
    assert batching(items, clock).take(8, 1.0) == (taken, "device_free")


@pytest.mark.parametrize(("left", "first", "second"), [(3.0, [7, 8], [9, 10]), (2.5, [7], [8, 9])])
def test_a_batch_does_not_grow_if_that_makes_its_earliest_item_late(
    left: float, first: list[float], second: list[float]
) -> None:
    clock = Clock(10.0)
    # Calls with 1, 2, 3 items take 2, 3, 4 s, and the first item must be done in so many.
    gathering = batching(Arriving(clock, 7, 8, 9, 10), clock, allowed=3.0 + left)
    assert gathering.take(8, 1.0) == (first, "deadline")
    assert gathering.take(8, 1.0)[0] == second


@pytest.mark.parametrize("left", [-94.0, 1.0])  # seconds; a call with one item takes 2
def test_an_item_that_is_late_anyway_does_not_stop_the_batch_from_growing(left: float) -> None:
    clock = Clock(100.0)
    gathering = batching(Arriving(clock, 1, 2, 3), clock, allowed=99.0 + left)
    assert gathering.take(8, 1.0) == ([1, 2, 3], "device_free")


def learn_gap(items: Arriving, gathering: Batching[float]) -> None:
    """Let it learn the gap between two items."""
    before = items.clock.now
    gathering.take(8, 1.0)
    items.waits.clear()
    items.clock.now = before


def test_it_waits_if_a_fuller_batch_saves_more_time_than_the_wait() -> None:
    clock = Clock(10.0)
    items = Arriving(clock, 9.9, 10.0, 10.1, 10.2, 10.3)
    gathering = batching(items, clock, base=1.0, wait=5.0)  # a call of its own costs 1 s more
    learn_gap(items, gathering)
    clock.now = 10.1
    items.coming = [10.1, 10.2, 10.3, 12.0]
    batch, closed = gathering.take(8, 1.0)
    assert (batch, closed) == ([10.1, 10.2, 10.3], "device_free")
    assert items.waits == [1.0, 1.0, 1.0]  # never longer than what it saves


@pytest.mark.parametrize(
    ("base", "wait", "gap"),
    [(0.0, 5.0, 0.1), (1.0, 0.0, 0.1), (1.0, 5.0, 3.0), (1.0, 5.0, 1.0)],
    ids=["company saves nothing", "no wait is allowed", "the next is far", "it saves no more than it costs"],
)
def test_it_does_not_wait_if_that_does_not_pay(base: float, wait: float, gap: float) -> None:
    clock = Clock(100.0)
    items = Arriving(clock, 10.0, 10.0 + gap)
    gathering = batching(items, clock, base=base, wait=wait)
    learn_gap(items, gathering)
    items.coming = [100.0, 100.05]
    assert gathering.take(8, 1.0) == ([100.0], "device_free")
    assert items.waits == []


def test_the_longest_wait_counts_once_from_the_first_item() -> None:
    clock = Clock(10.0)
    items = Arriving(clock, 9.9, 10.0)
    gathering = batching(items, clock, base=9.0, wait=2.0)
    learn_gap(items, gathering)
    items.coming = [10.0, 11.5, 12.5]
    assert gathering.take(8, 1.0)[0] == [10.0, 11.5]
    assert items.waits == [2.0, 0.5]
    clock.now = 20.0
    assert gathering.take(8, 1.0)[0] == [12.5]
    assert items.waits == [2.0, 0.5]


def test_a_late_item_does_not_wait_and_waiting_makes_no_item_late() -> None:
    clock = Clock(10.0)
    items = Arriving(clock, 9.9, 10.0)
    gathering = batching(items, clock, allowed=5.0, base=1.0, wait=5.0)
    learn_gap(items, gathering)
    items.coming = [6.9]  # of 5 s are 1.9 left, and two photos take 3
    assert gathering.take(8, 1.0)[0] == [6.9]
    assert items.waits == []
    items.coming = [8.5]  # 0.5 s are left beyond the time of two
    assert gathering.take(8, 1.0)[0] == [8.5]
    assert items.waits == [pytest.approx(0.5)]


def test_an_empty_queue_gives_nothing_and_a_closed_one_what_was_taken() -> None:
    clock = Clock(10.0)
    assert batching(Arriving(clock), clock).take(8, 0.5) == ([], "device_free")
    closed = fill(1.0)
    closed.shutdown()
    assert batching(closed, clock).take(8, 1.0) == ([1.0], "device_free")
    with pytest.raises(ShutDown):
        batching(closed, clock).take(8, 1.0)


def test_what_another_device_took_meanwhile_is_not_waited_for() -> None:
    clock = Clock(10.0)
    items = Arriving(clock, 1, 2, 3)
    gathering = batching(items, clock)

    def while_taken(_: int) -> float:
        items.queue.clear()
        return 1.0

    gathering.expected = while_taken
    assert gathering.take(8, 1.0) == ([1], "device_free")
    assert items.waits == []


@pytest.mark.parametrize(("saved", "waits"), [(2.1, [2.1]), (1.9, [])])
def test_the_gap_is_a_mean_that_follows_slowly(saved: float, waits: list[float]) -> None:
    clock = Clock(30.0)
    items = Arriving(clock, 10.0, 11.0, 20.0)  # gaps of 1 s and 9 s: a mean of 1 + 8/8
    gathering = batching(items, clock, base=saved, wait=5.0)
    learn_gap(items, gathering)
    items.coming = [30.0]
    assert gathering.take(8, 1.0)[0] == [30.0]
    assert items.waits == [pytest.approx(wait) for wait in waits]
