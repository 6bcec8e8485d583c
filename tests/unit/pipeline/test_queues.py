"""The closable queue: its items are drained or dropped, and every waiter wakes up."""

import queue
import threading
from collections.abc import Callable

import pytest

from tests.support.waiting import eventually
from worker.pipeline.queues import BoundedQueue, ShutDown

SOON = 5.0  # seconds any thread here may take


def in_thread(call: Callable[[], object]) -> Callable[[], object]:
    """Start a call; the returned function gives its result or the exception it raised."""
    answer: list[object] = []

    def run() -> None:
        try:
            answer.append(call())
        except Exception as error:  # noqa: BLE001 - handed to the test
            answer.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def result() -> object:
        thread.join(SOON)
        assert answer, "the call did not return"
        return answer[0]

    return result


def test_items_come_out_in_order_and_a_full_queue_refuses_in_time() -> None:
    items: BoundedQueue[int] = BoundedQueue(2)
    items.put(1)
    items.put(2)
    with pytest.raises(queue.Full):
        items.put(3, timeout=0.001)
    with pytest.raises(queue.Full):
        items.put(3, block=False)
    assert [items.get(), items.get()] == [1, 2]
    with pytest.raises(queue.Empty):
        items.get(timeout=0.001)


def test_a_closed_queue_gives_what_it_has_and_then_ends() -> None:
    items: BoundedQueue[int] = BoundedQueue(2)
    items.put(1)
    items.shutdown()
    with pytest.raises(ShutDown):
        items.put(2)
    assert items.get() == 1
    with pytest.raises(ShutDown):
        items.get()


def test_an_immediate_shutdown_drops_the_items() -> None:
    items: BoundedQueue[int] = BoundedQueue(2)
    items.put(1)
    items.shutdown(immediate=True)
    with pytest.raises(ShutDown):
        items.get()


@pytest.mark.parametrize("immediate", [False, True])
def test_shutdown_wakes_every_waiter(immediate: bool) -> None:
    empty: BoundedQueue[int] = BoundedQueue(1)
    full: BoundedQueue[int] = BoundedQueue(1)
    full.put(1)
    waiting = [in_thread(empty.get) for _ in range(3)]
    waiting += [in_thread(lambda: full.put(2)), in_thread(lambda: full.room(1, SOON))]
    empty.shutdown(immediate)
    full.shutdown(immediate)
    assert all(isinstance(result(), ShutDown) for result in waiting)


def test_room_counts_free_places_and_waits_for_one() -> None:
    items: BoundedQueue[int] = BoundedQueue(2)
    assert items.room(1, 0) == 2
    items.put(1)
    items.put(2)
    assert items.room(1, 0.001) == 0
    waiting = in_thread(lambda: items.room(1, SOON))
    items.get()
    assert waiting() == 1


def test_waiting_for_room_does_not_steal_a_puts_wake_up() -> None:
    items: BoundedQueue[int] = BoundedQueue(1)
    items.put(1)
    waiting = [in_thread(lambda: items.room(1, SOON)), in_thread(lambda: items.put(2))]
    items.get()
    assert waiting[1]() is None
    assert items.get() == 2
    assert waiting[0]() == 1


def test_items_put_together_keep_their_order_and_wait_for_places() -> None:
    items: BoundedQueue[int] = BoundedQueue(2)
    putting = in_thread(lambda: items.put_all(range(5)))
    assert [items.get(timeout=SOON) for _ in range(5)] == [0, 1, 2, 3, 4]
    assert putting() is None
    assert items.empty()


def test_no_more_items_are_put_together_than_there_are_places() -> None:
    items: BoundedQueue[int] = BoundedQueue(3)
    items.put(1)
    with pytest.raises(queue.Full):
        items.put_all([2, 3, 4, 5], timeout=0)
    assert [items.get(block=False) for _ in range(items.qsize())] == [1, 2, 3]


def test_what_must_not_wait_does_not() -> None:
    items: BoundedQueue[int] = BoundedQueue(1)
    signs = list[str]()
    items.alive = lambda: signs.append("alive")
    with pytest.raises(queue.Empty):
        items.get(block=False)
    items.put(1, block=False)
    with pytest.raises(queue.Full):
        items.put(2, block=False)
    assert signs == ["alive"] * 2  # whoever waits looks again, with another sign of life


def test_a_long_wait_is_cut_into_seconds_and_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    items: BoundedQueue[int] = BoundedQueue(1)
    parts, signs = list[float](), list[str]()
    items.alive = lambda: signs.append("alive")
    monkeypatch.setattr(items.not_empty, "wait_for", lambda _holds, part: parts.append(part))
    with pytest.raises(queue.Empty):
        items.get(timeout=2.5)
    assert (parts, len(signs)) == ([1.0, 1.0, 0.5], 4)


def test_items_put_together_wake_as_many_takers() -> None:
    items: BoundedQueue[int] = BoundedQueue(3)
    taking = [in_thread(lambda: items.get(timeout=SOON)) for _ in range(3)]
    items.put_all([1, 2, 3])
    assert sorted(str(take()) for take in taking) == ["1", "2", "3"]


def test_a_closed_queue_refuses_items_put_together() -> None:
    items: BoundedQueue[int] = BoundedQueue(1)
    putting = in_thread(lambda: items.put_all([1, 2]))
    assert items.get(timeout=SOON) == 1
    assert items.get(timeout=SOON) == 2
    assert putting() is None
    items.shutdown()
    with pytest.raises(ShutDown):
        items.put_all([3])
    items.put_all([])


def test_the_queue_counts_its_waiting_takers() -> None:
    items: BoundedQueue[int] = BoundedQueue(2)
    taking = [in_thread(lambda: items.get(timeout=SOON)) for _ in range(2)]
    eventually(lambda: items.takers == 2)
    items.put_all([1, 2])
    assert {take() for take in taking} == {1, 2}
    assert items.takers == 0


def test_whoever_waits_for_room_is_woken_once_there_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    items: BoundedQueue[int] = BoundedQueue(4)
    left, wake = list[int](), items._more_room.notify_all

    def note() -> None:
        left.append(len(items.queue))
        wake()

    monkeypatch.setattr(items._more_room, "notify_all", note)
    items.put(0)
    items.get()
    assert left == [], "nobody waits yet"
    items.put_all(range(4))
    some, more = in_thread(lambda: items.room(2, SOON)), in_thread(lambda: items.room(3, SOON))
    eventually(lambda: len(items._more_room._waiters) == 2)  # type: ignore[attr-defined] # CPython's own
    for _ in range(2):
        items.get()
    assert some() == 2
    eventually(lambda: items._few_enough == 1)  # the other one waits again
    items.get()
    assert more() == 3
    items.get()
    assert left == [2, 1], "nobody waits any more"


def test_takers_wake_whoever_waits_for_a_place_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    items: BoundedQueue[int] = BoundedQueue(1)
    woken, wake = list[int](), items.not_full.notify

    def note() -> None:
        woken.append(items._putters)
        wake()

    monkeypatch.setattr(items.not_full, "notify", note)
    items.put(0)
    items.get()
    assert woken == [], "nobody waits yet"
    items.put(0)
    putting = [in_thread(lambda: items.put(1)) for _ in range(2)]
    eventually(lambda: len(items.not_full._waiters) == 2)  # type: ignore[attr-defined] # CPython's own
    assert [items.get(timeout=SOON) for _ in range(3)] == [0, 1, 1]
    assert [put() for put in putting] == [None, None]
    assert woken == [2, 1]


def test_more_items_are_taken_without_waiting_and_make_room() -> None:
    items: BoundedQueue[int] = BoundedQueue(3)
    items.put_all([1, 2, 3])
    putting = in_thread(lambda: items.put_all([4, 5]))
    assert items.get_more(2) == [1, 2]
    assert putting() is None
    assert items.get_more(9) == [3, 4, 5]
    assert items.get_more(9) == []
