"""Who makes room for a new connection, and when all are busy."""

from collections import Counter

import pytest

from worker.door.http.cap import MOST_LEAVING, SPARE, Cap

MOST = 4
ROOM = MOST + SPARE


class Line:
    """A connection that notes what becomes of it."""

    def __init__(self, cap: Cap) -> None:
        self._cap = cap
        self.fate = ""

    def turn_away(self) -> None:
        self.fate = "turned away"
        self._cap.leave(self)

    def drop(self) -> None:
        self.fate = "dropped"
        self._cap.forget(self)

    def end(self) -> None:
        self._cap.leave(self)


@pytest.fixture
def counts() -> Counter[str]:
    return Counter()


@pytest.fixture
def cap(counts: Counter[str]) -> Cap:
    return Cap(MOST, lambda name: counts.update([name]))


def take(cap: Cap, number: int, *, busy: bool = False) -> list[Line]:
    lines = [Line(cap) for _ in range(number)]
    for line in lines:
        cap.take(line)
        if busy:
            cap.begin(line)
    return lines


def fates(lines: list[Line]) -> list[str]:
    return [line.fate for line in lines]


def test_there_is_room_up_to_the_cap_and_for_some_more(cap: Cap, counts: Counter[str]) -> None:
    assert fates(take(cap, ROOM)) == [""] * ROOM
    assert not counts


def test_the_one_that_has_been_without_a_request_for_longest_is_turned_away(
    cap: Cap, counts: Counter[str]
) -> None:
    lines = take(cap, ROOM)
    cap.begin(lines[0])
    cap.begin(lines[1])
    cap.wait(lines[1])
    take(cap, 2)
    assert fates(lines) == ["", ""] + ["turned away"] * 2 + [""] * (ROOM - 4)
    assert counts == {"connection_evicted": 2}


def test_where_all_have_requests_the_newest_is_turned_away(cap: Cap) -> None:
    busy = take(cap, ROOM, busy=True)
    assert fates(take(cap, 2)) == ["turned away"] * 2
    assert fates(busy) == [""] * ROOM


def test_those_that_were_turned_away_have_time_to_read_that_until_others_need_their_room(cap: Cap) -> None:
    first = take(cap, MOST_LEAVING)
    take(cap, ROOM)
    assert fates(first) == ["turned away"] * MOST_LEAVING
    take(cap, 2)
    assert fates(first) == ["dropped"] * 2 + ["turned away"] * (MOST_LEAVING - 2)


def test_all_that_are_idle_may_leave_at_once(cap: Cap) -> None:
    lines = take(cap, ROOM)
    for line in cap.waiting:
        line.end()
    assert fates(lines) == [""] * ROOM
    take(cap, MOST_LEAVING)
    assert fates(lines) == [""] * ROOM
    take(cap, 1)
    assert fates(lines) == ["dropped"] + [""] * (ROOM - 1)


def test_one_that_has_ended_leaves_its_room_to_others(cap: Cap, counts: Counter[str]) -> None:
    for _ in range(9):
        for line in take(cap, ROOM, busy=True):
            cap.leave(line)
            cap.forget(line)
    assert not counts


def test_the_cap_is_reached_by_those_with_requests_alone(cap: Cap) -> None:
    first, *_ = take(cap, MOST, busy=True)
    take(cap, 1)
    assert cap.is_reached
    cap.wait(first)
    assert not cap.is_reached
