"""Tests of the judge of histories: it passes good ones, and finds each thing that must not happen.

Each bad history is a good one with one change, so the judge cannot pass everything, nor refuse everything.
"""

import pytest

from tests.support.history.events import Asked, Event
from tests.support.history.judge import judge
from tests.unit.history import both_ways, by_queue
from tests.unit.history.by_queue import ANNA, OVERWRITTEN, put

GOOD = [*by_queue.GOOD.items(), *both_ways.GOOD.items()]
BAD = [(name, *bad) for table in (by_queue.BAD, both_ways.BAD) for name, bad in table.items()]


@pytest.mark.parametrize("history", [pytest.param(history, id=name) for name, history in GOOD])
def test_a_good_history_passes(history: list[Event]) -> None:
    assert judge(history) == []


@pytest.mark.parametrize(
    ("history", "complaint"), [pytest.param(history, complaint, id=name) for name, history, complaint in BAD]
)
def test_what_must_not_happen_is_found(history: list[Event], complaint: str) -> None:
    assert any(complaint in found for found in judge(history)), judge(history)


def test_a_dead_letter_has_no_result_due() -> None:
    assert judge([put(1, "e1"), Asked(2, ANNA)], dead=[ANNA]) == []


def test_events_may_be_recorded_in_any_order() -> None:
    assert judge(OVERWRITTEN[::-1]) == []
