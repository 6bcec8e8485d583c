"""When failures are an outage, how long to wait before the next try, and how long it has lasted."""

import pytest

from tests.support.fakes import ManualClock
from worker.pipeline.outages import LONGEST, SHORTEST, SILENCE, Outages, Part


class Chance:
    """Gives the same number each time."""

    def __init__(self) -> None:
        self.number = 0.0

    def __call__(self) -> float:
        return self.number


class Bench:
    """Outages on a clock, and a chance, that do as they are told."""

    def __init__(self) -> None:
        self.clock, self.chance = ManualClock(), Chance()
        self.outages = Outages(self.clock, self.chance)

    def fail(self, part: Part, *pauses: float, reason: str = "no answer") -> None:
        """Let a part fail, and again after each of so many seconds."""
        self.outages.failed(part, reason)
        for seconds in pauses:
            self.clock.seconds += seconds
            self.outages.failed(part, reason)


def test_nothing_is_an_outage_at_first() -> None:
    outages = Bench().outages
    assert not outages.ongoing(*Part)
    assert outages.pause(*Part) == 0
    assert outages.longest() == (0.0, "")


def test_one_failure_is_no_outage_and_the_second_in_a_row_is() -> None:
    bench = Bench()
    bench.fail(Part.STORE)
    assert not bench.outages.ongoing(Part.STORE)
    assert bench.outages.pause(Part.STORE) == 0
    bench.fail(Part.STORE)
    assert bench.outages.ongoing(Part.STORE)
    assert bench.outages.pause(Part.STORE) == SHORTEST


def test_a_success_ends_an_outage_and_the_count_begins_anew() -> None:
    bench = Bench()
    bench.fail(Part.STORE, 1, 1, 1)
    bench.outages.worked(Part.STORE)
    assert not bench.outages.ongoing(Part.STORE)
    bench.fail(Part.STORE)
    assert not bench.outages.ongoing(Part.STORE)
    assert bench.outages.longest() == (0.0, "")


def test_each_part_has_its_own_outage() -> None:
    bench = Bench()
    bench.fail(Part.STORAGE, 5)
    bench.outages.worked(Part.MODEL)
    assert bench.outages.ongoing(Part.QUEUE, Part.STORAGE)
    assert not bench.outages.ongoing(Part.QUEUE, Part.MODEL, Part.STORE)
    assert bench.outages.pause(Part.QUEUE, Part.MODEL, Part.STORE) == 0


def test_failures_of_different_parts_do_not_add_up() -> None:
    bench = Bench()
    for part in Part:
        bench.fail(part)
    assert not bench.outages.ongoing(*Part)


def test_the_pause_is_as_long_as_the_outage_has_lasted() -> None:
    bench = Bench()
    bench.fail(Part.QUEUE, 2, 3, 4)
    assert bench.outages.pause(Part.QUEUE) == 9


def test_the_pause_is_never_longer_than_half_a_minute_or_than_is_wanted() -> None:
    bench = Bench()
    bench.fail(Part.QUEUE, LONGEST, 1)
    assert bench.outages.pause(Part.QUEUE) == LONGEST
    bench.fail(Part.QUEUE)
    assert bench.outages.pause(Part.QUEUE, most=2.0) == 2.0


@pytest.mark.parametrize(("number", "seconds"), [(0.0, 8.0), (0.5, 6.0), (1.0, 4.0)])
def test_chance_shortens_the_pause_by_up_to_a_half(number: float, seconds: float) -> None:
    bench = Bench()
    bench.chance.number = number
    bench.fail(Part.QUEUE, 8)
    assert bench.outages.pause(Part.QUEUE) == seconds


def test_a_pause_is_taken_once_for_each_new_failure() -> None:
    bench = Bench()
    bench.fail(Part.QUEUE, 5)
    assert [bench.outages.pause(Part.QUEUE) for _ in range(3)] == [5, 0, 0]
    assert bench.outages.ongoing(Part.QUEUE)
    bench.fail(Part.QUEUE)
    assert [bench.outages.pause(Part.QUEUE) for _ in range(2)] == [5, 0]


def test_of_several_outages_the_longest_gives_the_pause_and_one_pause_serves_all() -> None:
    bench = Bench()
    bench.fail(Part.STORAGE, 3, 3)
    bench.fail(Part.QUEUE, 1)
    assert bench.outages.pause(Part.QUEUE, Part.STORAGE) == 6
    assert bench.outages.pause(Part.QUEUE, Part.STORAGE) == 0
    bench.fail(Part.QUEUE)
    assert bench.outages.pause(Part.QUEUE, Part.STORAGE) == 1


def test_failures_far_apart_are_not_in_a_row() -> None:
    bench = Bench()
    bench.fail(Part.STORE, SILENCE + 1, SILENCE + 1)
    assert not bench.outages.ongoing(Part.STORE)
    bench.fail(Part.STORE, SILENCE)
    assert bench.outages.ongoing(Part.STORE)


def test_the_longest_outage_is_told_with_its_part_and_its_last_reason() -> None:
    bench = Bench()
    bench.fail(Part.QUEUE, 4, reason="throttled")
    bench.fail(Part.STORE, 10, reason="connection refused")
    bench.fail(Part.STORE, 1, reason="read-only")
    assert bench.outages.longest() == (11.0, "Redis fails: read-only")


def test_an_outage_lasts_until_its_last_failure_not_until_now() -> None:
    bench = Bench()
    bench.fail(Part.STORAGE, 7)
    bench.clock.seconds += SILENCE
    assert bench.outages.longest()[0] == 7


def test_an_outage_of_which_nothing_was_heard_for_long_is_no_reason_to_give_up() -> None:
    bench = Bench()
    bench.fail(Part.STORAGE, 100, 100)
    bench.clock.seconds += SILENCE + 1
    assert bench.outages.longest() == (0.0, "")
