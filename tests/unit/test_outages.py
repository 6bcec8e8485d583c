"""What is failing, since when, and how long to wait: on a clock and with a chance of the test's own."""

import pytest

from tests.fakes import ManualClock
from worker.outages import Outages, Part


def failing(clock: ManualClock, *, seconds: float = 0.0, failures: int = 2, chance: float = 0.0) -> Outages:
    """S3 has failed so often, at the beginning and the end of so many seconds."""
    outages = Outages(clock, lambda: chance)
    for number in range(failures):
        if number == failures - 1:
            clock.seconds += seconds
        outages.failed(Part.STORAGE, "503")
    return outages


def test_one_failure_is_no_outage_and_two_in_a_row_are() -> None:
    assert not failing(ManualClock(), failures=1).ongoing(Part.STORAGE)
    assert failing(ManualClock(), failures=2).ongoing(Part.STORAGE)


def test_a_success_ends_it_and_failures_are_counted_anew() -> None:
    outages = failing(ManualClock())
    outages.worked(Part.STORAGE)
    outages.failed(Part.STORAGE, "503")
    assert not outages.ongoing(Part.STORAGE)
    assert outages.longest() == (0.0, "")


def test_parts_fail_on_their_own() -> None:
    outages = failing(ManualClock())
    assert not outages.ongoing(Part.QUEUE, Part.STORE)
    assert outages.pause(Part.QUEUE, Part.STORE) == 0.0
    outages.worked(Part.QUEUE)
    assert outages.ongoing(Part.QUEUE, Part.STORAGE)


@pytest.mark.parametrize(
    ("lasted", "pause"), [(0.0, 0.5), (0.4, 0.5), (3.0, 3.0), (29.0, 29.0), (170.0, 30.0)]
)
def test_the_pause_is_as_long_as_the_outage_has_lasted_within_bounds(lasted: float, pause: float) -> None:
    assert failing(ManualClock(), seconds=lasted).pause(Part.STORAGE) == pause


def test_a_caller_may_have_less_patience() -> None:
    assert failing(ManualClock(), seconds=20.0).pause(Part.STORAGE, most=2.0) == 2.0


def test_chance_shortens_a_pause_by_up_to_a_half() -> None:
    assert failing(ManualClock(), seconds=8.0, chance=0.5).pause(Part.STORAGE) == 6.0
    assert failing(ManualClock(), seconds=8.0, chance=1.0).pause(Part.STORAGE) == 4.0


def test_each_failure_is_waited_for_once() -> None:
    clock = ManualClock()
    outages = failing(clock)
    assert outages.pause(Part.STORAGE) > 0
    assert outages.pause(Part.STORAGE) == 0.0
    outages.failed(Part.STORAGE, "503")
    assert outages.pause(Part.STORAGE) > 0


def test_the_longest_outage_is_told_with_its_last_reason() -> None:
    clock = ManualClock()
    outages = failing(clock, seconds=50.0)
    for _ in range(2):
        outages.failed(Part.QUEUE, "throttled")
        clock.seconds += 10.0
    assert outages.longest() == (50.0, "S3 fails: 503")


def test_an_outage_lasts_from_its_first_failure_to_its_last_and_not_to_now() -> None:
    clock = ManualClock()
    outages = failing(clock, seconds=50.0)
    clock.seconds += 100.0
    assert outages.longest()[0] == 50.0


def test_of_a_part_that_was_not_tried_for_long_nothing_is_known() -> None:
    clock = ManualClock()
    outages = failing(clock, seconds=50.0)
    clock.seconds += 181.0
    assert outages.longest() == (0.0, "")
    outages.failed(Part.STORAGE, "503")
    assert not outages.ongoing(Part.STORAGE)
