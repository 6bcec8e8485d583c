"""Tests of moving dead letters back: how a move is started, watched and cancelled."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from worker.errors import QueueError
from worker.upkeep import redrive
from worker.upkeep.redrive import Move, RunningError


class FakeQueue:
    """Lists moves: the next list at each look, the last one again and again."""

    def __init__(self, *looks: list[Move]) -> None:
        self.looks = list(looks)
        self.started: list[int] = []
        self.cancelled: list[str] = []
        self.refuses = False

    def moves(self) -> list[Move]:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def start(self, rate: int) -> None:
        if self.refuses:
            raise QueueError("there is already a task running")
        self.started.append(rate)

    def cancel(self, handle: str) -> int:
        self.cancelled.append(handle)
        return 7


RUNNING = Move("RUNNING", 3, 10, 5, datetime(2026, 1, 1, 12, tzinfo=UTC), "handle", None)
DONE = replace(RUNNING, status="COMPLETED", moved=10, handle=None)
OTHER = replace(DONE, started_at=datetime(2026, 1, 2, tzinfo=UTC), status="FAILED")


@pytest.mark.parametrize("status", ["RUNNING", "CANCELLING"])
def test_a_second_move_is_refused_and_the_first_is_described(status: str) -> None:
    queue = FakeQueue([replace(RUNNING, status=status)])
    description = "3 of 10 moved, 5 a second, started 2026-01-01 12:00:00 UTC"
    with pytest.raises(RunningError, match=re.escape(description)):
        redrive.start(queue, 10)
    assert queue.started == []


def test_a_move_that_somebody_else_started_meanwhile_is_described_too() -> None:
    queue = FakeQueue([DONE], [RUNNING])
    queue.refuses = True
    with pytest.raises(RunningError, match="3 of 10 moved"):
        redrive.start(queue, 10)


def test_a_start_that_fails_for_another_reason_reports_that_reason() -> None:
    queue = FakeQueue([])
    queue.refuses = True
    with pytest.raises(QueueError, match="already a task"):
        redrive.start(queue, 10)


def test_a_move_is_watched_until_it_ends_even_if_a_newer_one_starts() -> None:
    queue = FakeQueue([], [RUNNING], [OTHER, RUNNING], [OTHER, DONE])
    told, pauses = list[int](), list[float]()
    assert redrive.watch(queue, lambda move: told.append(move.moved), pauses.append) == DONE
    assert told == [3, 3, 10]
    assert pauses == [redrive.LOOK_INTERVAL] * 3


def test_a_move_that_is_never_listed_is_given_up() -> None:
    pauses = list[float]()
    with pytest.raises(QueueError, match="does not list"):
        redrive.watch(FakeQueue([]), lambda _: None, pauses.append)
    assert len(pauses) == redrive.LISTING_LOOKS + 1


def test_only_a_running_move_is_cancelled() -> None:
    queue = FakeQueue([DONE, RUNNING])
    assert redrive.cancel(queue) == 7
    assert queue.cancelled == ["handle"]
    assert redrive.cancel(FakeQueue([DONE])) is None
