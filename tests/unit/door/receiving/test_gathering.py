"""A photo while it arrives: its pieces are counted for the budget of memory."""

import math

import pytest

from tests.support.fakes import ManualClock
from worker.door.problems import Refusal
from worker.door.receiving.admission import Admission
from worker.door.receiving.gathering import Gathered

MEMORY = 655_360  # bytes


@pytest.fixture
def admission() -> Admission:
    return Admission(most=1, memory=MEMORY, objective_seconds=math.inf, clock=ManualClock())


def test_they_count_as_they_arrive_and_as_long_as_anybody_has_them(admission: Admission) -> None:
    gathered = Gathered(admission, MEMORY)
    gathered.add(b"abc")
    assert admission.bytes_held == 3
    pieces, _, _ = gathered.whole()
    del gathered
    assert admission.bytes_held == 3
    del pieces
    assert admission.bytes_held == 0


def test_they_count_no_more_once_they_are_given_up(admission: Admission) -> None:
    gathered = Gathered(admission, MEMORY)
    gathered.add(b"abc")
    gathered.drop()
    assert admission.bytes_held == 0


@pytest.mark.parametrize(
    ("max_bytes", "code"), [(MEMORY - 1, "too_many_bytes"), (MEMORY + 1, "too_many_requests")]
)
def test_what_is_too_much_does_not_count(admission: Admission, max_bytes: int, code: str) -> None:
    gathered = Gathered(admission, max_bytes)
    gathered.add(bytes(MEMORY - 1))
    with pytest.raises(Refusal) as caught:
        gathered.add(b"ab")
    assert caught.value.code == code
    assert admission.bytes_held == MEMORY - 1
