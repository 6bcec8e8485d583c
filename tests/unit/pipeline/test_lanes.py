"""Lanes: several queues that the same threads take from, by their shares."""

import queue
import threading
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.waiting import eventually
from worker.pipeline import queues
from worker.pipeline.lanes import CREDIT, Lane, Lanes
from worker.pipeline.queues import ShutDown


def two_lanes(share: float = 0.5, places: int = 10_000) -> tuple[Lane[str], Lane[str], Lanes[str]]:
    one, other = Lane[str](places, share), Lane[str](places, 1 - share)
    return one, other, Lanes([one, other])


@given(
    share=st.floats(0.05, 0.95), idle_first=st.integers(0, 50), absent=st.lists(st.booleans(), max_size=20)
)
def test_two_saturated_lanes_get_their_shares(share: float, idle_first: int, absent: list[bool]) -> None:
    """Whatever happened before: the one alone, or one of them missing now and then."""
    one, other, lanes = two_lanes(share)
    other.put_all(["other"] * idle_first)
    for _ in range(idle_first):
        lanes.get(block=False)
    for is_absent in absent:
        (other if is_absent else one).put("before")
        lanes.get(block=False)
    one.put_all(["one"] * 1_000)
    other.put_all(["other"] * 1_000)
    taken = Counter(lanes.get(block=False) for _ in range(400))
    assert taken["one"] / 400 == pytest.approx(share, abs=0.05)


def test_a_lane_alone_gets_everything() -> None:
    one, _, lanes = two_lanes(0.1)
    one.put_all(["one"] * 50)
    assert [lanes.get(block=False) for _ in range(50)] == ["one"] * 50


def test_a_lane_that_was_idle_catches_up_on_a_few_items_only() -> None:
    one, other, lanes = two_lanes()
    one.put_all(["one"] * 2_000)
    for _ in range(1_000):
        lanes.get(block=False)
    other.put_all(["other"] * 1_000)
    taken = [lanes.get(block=False) for _ in range(40)]
    assert taken[: int(CREDIT)] == ["other"] * int(CREDIT)
    assert Counter(taken[int(CREDIT) :])["one"] == pytest.approx(16, abs=1)


def test_items_without_work_take_nothing_of_a_share() -> None:
    one, other = Lane[int](100, 0.5), Lane[int](100, 0.5)
    lanes = Lanes([one, other], work=float)
    one.put_all([0, 1] * 50)
    other.put_all([2] * 100)
    taken = [lanes.get(block=False) for _ in range(60)]
    assert sum(item for item in taken if item < 2) == pytest.approx(
        sum(i for i in taken if i == 2), abs=CREDIT
    )


def test_a_blocked_lane_is_passed_by_and_keeps_its_items() -> None:
    blocked = [True]
    one, other = Lane[str](9, 0.5, lambda: blocked[0]), Lane[str](9, 0.5)
    lanes = Lanes([one, other])
    one.put("one")
    other.put("other")
    assert lanes.get(block=False) == "other"
    with pytest.raises(queue.Empty):
        lanes.get(block=False)
    blocked[0] = False
    assert lanes.get(block=False) == "one"


def test_a_taker_waits_for_all_lanes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "SLICE", 10.0)  # it is woken, or does not look in time
    one, other, lanes = two_lanes()
    for lane in (one, other):
        found: list[str] = []
        taker = threading.Thread(target=lambda found=found: found.append(lanes.get(timeout=10)))
        taker.start()
        eventually(lambda: one.not_empty._waiters)  # type: ignore[attr-defined] # CPython's own
        lane.put("item")
        taker.join(5)
        assert found == ["item"]


def test_it_is_over_only_when_every_lane_is_closed_and_empty() -> None:
    one, other, lanes = two_lanes()
    one.put("last")
    one.shutdown()
    assert lanes.get(block=False) == "last"
    with pytest.raises(queue.Empty):
        lanes.get(block=False)
    other.shutdown()
    with pytest.raises(ShutDown):
        lanes.get()


def test_each_lane_has_places_of_its_own() -> None:
    one, other, lanes = two_lanes(places=1)
    one.put("one")
    with pytest.raises(queue.Full):
        one.put("more", block=False)
    other.put("other", block=False)
    assert {lanes.get(block=False), lanes.get(block=False)} == {"one", "other"}
    assert one.room(1, 0.0) == other.room(1, 0.0) == 1


def test_a_waiting_taker_shows_that_it_lives() -> None:
    one, _, lanes = two_lanes()
    beats: list[None] = []
    one.alive = lambda: beats.append(None)
    with pytest.raises(queue.Empty):
        lanes.get(timeout=0.0)
    with pytest.raises(queue.Empty):
        lanes.get(block=False)
    lanes.alive()
    assert len(beats) == 3
