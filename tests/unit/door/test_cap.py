"""Who makes room for a new connection, and when all are busy."""

from collections import Counter

import pytest

from worker.door.cap import SPARE, Cap

MOST = 4


class Line:
    """A connection that notes what becomes of it."""

    def __init__(self, cap: Cap) -> None:
        self._cap = cap
        self.is_dropped = False

    def drop(self) -> None:
        self.is_dropped = True
        self._cap.forget(self)

    def end(self) -> None:
        self._cap.wait(self)


@pytest.fixture
def counts() -> Counter[str]:
    return Counter()


@pytest.fixture
def cap(counts: Counter[str]) -> Cap:
    return Cap(MOST, lambda name: counts.update([name]))


def take(cap: Cap, number: int, *, busy: bool = False) -> list[Line]:
    lines = [Line(cap) for _ in range(number)]
    for line in lines:
        assert cap.take(line)
        if busy:
            cap.begin(line)
    return lines


def test_there_is_room_up_to_the_cap_and_for_some_more(cap: Cap, counts: Counter[str]) -> None:
    lines = take(cap, MOST + SPARE)
    assert not [line for line in lines if line.is_dropped]
    assert not counts


def test_the_one_that_has_been_without_a_request_for_longest_makes_room(
    cap: Cap, counts: Counter[str]
) -> None:
    lines = take(cap, MOST + SPARE)
    cap.begin(lines[0])
    cap.begin(lines[1])
    cap.wait(lines[1])
    take(cap, 2)
    assert [line for line in lines if line.is_dropped] == lines[2:4]
    assert counts == {"connection_evicted": 2}


def test_where_all_have_requests_there_is_no_room(cap: Cap) -> None:
    take(cap, MOST + SPARE, busy=True)
    assert not cap.take(Line(cap))


def test_one_that_has_ended_leaves_its_room_to_others(cap: Cap, counts: Counter[str]) -> None:
    for _ in range(3):
        for line in take(cap, MOST + SPARE):
            cap.forget(line)
    assert not counts


def test_the_cap_is_reached_by_those_with_requests_alone(cap: Cap) -> None:
    first, *_ = take(cap, MOST, busy=True)
    take(cap, 1)
    assert cap.is_reached
    cap.wait(first)
    assert not cap.is_reached
