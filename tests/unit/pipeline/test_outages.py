"""When failures are an outage, how long the pause is, and how long the outage has lasted."""

import pytest

from tests.support.fakes import ManualClock
from worker.errors import Part
from worker.pipeline.outages import LONGEST, SHORTEST, SILENCE, Outages


class Chance:
    """Gives the same number each time."""

    def __init__(self) -> None:
        self.number = 0.0

    def __call__(self) -> float:
        return self.number


class OutageRig:
    """Outages on a manual clock and a fixed chance."""

    def __init__(self) -> None:
        self.clock, self.chance = ManualClock(), Chance()
        self.outages = Outages(self.clock, self.chance)

    def fail(self, part: Part, *pauses: float, reason: str = "no answer") -> None:
        """Let a part fail now, and again after each pause of so many seconds."""
        self.outages.note_failure(part, reason)
        for seconds in pauses:
            self.clock.seconds += seconds
            self.outages.note_failure(part, reason)


def test_nothing_is_an_outage_at_first() -> None:
    outages = OutageRig().outages
    assert not outages.ongoing(*Part)
    assert outages.pause(*Part) == 0
    assert outages.longest() == (0.0, "")


def test_one_failure_is_no_outage_and_the_second_in_a_row_is() -> None:
    rig = OutageRig()
    rig.fail(Part.STORE)
    assert not rig.outages.ongoing(Part.STORE)
    assert rig.outages.pause(Part.STORE) == 0
    rig.fail(Part.STORE)
    assert rig.outages.ongoing(Part.STORE)
    assert rig.outages.pause(Part.STORE) == SHORTEST


def test_a_success_ends_an_outage_and_resets_the_count() -> None:
    rig = OutageRig()
    rig.fail(Part.STORE, 1, 1, 1)
    rig.outages.note_success(Part.STORE)
    assert not rig.outages.ongoing(Part.STORE)
    rig.fail(Part.STORE)
    assert not rig.outages.ongoing(Part.STORE)
    assert rig.outages.longest() == (0.0, "")


def test_each_part_has_its_own_outage() -> None:
    rig = OutageRig()
    rig.fail(Part.STORAGE, 5)
    rig.outages.note_success(Part.MODEL)
    assert rig.outages.ongoing(Part.QUEUE, Part.STORAGE)
    assert not rig.outages.ongoing(Part.QUEUE, Part.MODEL, Part.STORE)
    assert rig.outages.pause(Part.QUEUE, Part.MODEL, Part.STORE) == 0


def test_failures_of_different_parts_do_not_add_up() -> None:
    rig = OutageRig()
    for part in Part:
        rig.fail(part)
    assert not rig.outages.ongoing(*Part)


def test_the_pause_is_as_long_as_the_outage_has_lasted() -> None:
    rig = OutageRig()
    rig.fail(Part.QUEUE, 2, 3, 4)
    assert rig.outages.pause(Part.QUEUE) == 9


def test_the_pause_is_at_most_half_a_minute_or_the_given_limit() -> None:
    rig = OutageRig()
    rig.fail(Part.QUEUE, LONGEST, 1)
    assert rig.outages.pause(Part.QUEUE) == LONGEST
    rig.fail(Part.QUEUE)
    assert rig.outages.pause(Part.QUEUE, most=2.0) == 2.0


@pytest.mark.parametrize(("number", "seconds"), [(0.0, 8.0), (0.5, 6.0), (1.0, 4.0)])
def test_chance_shortens_the_pause_by_up_to_a_half(number: float, seconds: float) -> None:
    rig = OutageRig()
    rig.chance.number = number
    rig.fail(Part.QUEUE, 8)
    assert rig.outages.pause(Part.QUEUE) == seconds


def test_each_new_failure_causes_one_pause() -> None:
    rig = OutageRig()
    rig.fail(Part.QUEUE, 5)
    assert [rig.outages.pause(Part.QUEUE) for _ in range(3)] == [5, 0, 0]
    assert rig.outages.ongoing(Part.QUEUE)
    rig.fail(Part.QUEUE)
    assert [rig.outages.pause(Part.QUEUE) for _ in range(2)] == [5, 0]


def test_the_longest_of_several_outages_gives_one_pause_for_all() -> None:
    rig = OutageRig()
    rig.fail(Part.STORAGE, 3, 3)
    rig.fail(Part.QUEUE, 1)
    assert rig.outages.pause(Part.QUEUE, Part.STORAGE) == 6
    assert rig.outages.pause(Part.QUEUE, Part.STORAGE) == 0
    rig.fail(Part.QUEUE)
    assert rig.outages.pause(Part.QUEUE, Part.STORAGE) == 1


def test_failures_far_apart_are_not_in_a_row() -> None:
    rig = OutageRig()
    rig.fail(Part.STORE, SILENCE + 1, SILENCE + 1)
    assert not rig.outages.ongoing(Part.STORE)
    rig.fail(Part.STORE, SILENCE)
    assert rig.outages.ongoing(Part.STORE)


def test_the_longest_outage_names_its_part_and_last_reason() -> None:
    rig = OutageRig()
    rig.fail(Part.QUEUE, 4, reason="throttled")
    rig.fail(Part.STORE, 10, reason="connection refused")
    rig.fail(Part.STORE, 1, reason="read-only")
    assert rig.outages.longest() == (11.0, "Redis fails: read-only")


def test_an_outage_lasts_until_its_last_failure_not_until_now() -> None:
    rig = OutageRig()
    rig.fail(Part.STORAGE, 7)
    rig.clock.seconds += SILENCE
    assert rig.outages.longest()[0] == 7


def test_an_outage_long_without_a_failure_is_no_reason_to_give_up() -> None:
    rig = OutageRig()
    rig.fail(Part.STORAGE, 100, 100)
    rig.clock.seconds += SILENCE + 1
    assert rig.outages.longest() == (0.0, "")


def test_one_subject_that_fails_over_and_over_is_no_outage() -> None:
    rig = OutageRig()
    for _ in range(10):
        rig.outages.note_failure(Part.MODEL, "no", "one photo")
        rig.clock.seconds += 100
    assert not rig.outages.ongoing(Part.MODEL)
    assert rig.outages.pause(Part.MODEL) == 0
    assert rig.outages.longest() == (0.0, "")


def test_an_outage_begins_with_the_last_failure_before_that_of_another_subject() -> None:
    rig = OutageRig()
    for _ in range(10):
        rig.outages.note_failure(Part.MODEL, "no", "one photo")
        rig.clock.seconds += 100
    rig.outages.note_failure(Part.MODEL, "no", "another")
    assert rig.outages.ongoing(Part.MODEL)
    assert rig.outages.longest()[0] == 100


def test_two_subjects_with_a_success_between_are_no_outage() -> None:
    rig = OutageRig()
    rig.outages.note_failure(Part.MODEL, "no", "one photo")
    rig.outages.note_success(Part.MODEL)
    rig.outages.note_failure(Part.MODEL, "no", "another")
    assert not rig.outages.ongoing(Part.MODEL)


def test_the_next_try_of_what_fails_alone_comes_later_each_time() -> None:
    rig = OutageRig()
    assert rig.outages.next_try(Part.STORAGE) == 0
    pauses = []
    for _ in range(5):
        rig.outages.note_failure(Part.STORAGE, "no", "one photo")
        pauses.append(rig.outages.next_try(Part.STORAGE) - rig.clock())
        rig.clock.seconds += 12
    assert pauses == [SHORTEST, 12, 24, LONGEST, LONGEST]


ONE, OTHER = (Part.STORAGE, "one"), (Part.STORAGE, "other")


def test_each_bucket_has_its_own_outage() -> None:
    rig = OutageRig()
    for _ in range(2):
        rig.outages.note_failure(ONE, "503")
        rig.outages.note_success(OTHER)
    assert rig.outages.ongoing(ONE)
    assert not rig.outages.ongoing(OTHER)


def test_the_outage_of_a_bucket_counts_from_the_last_answer_of_another() -> None:
    rig = OutageRig()
    for seconds in (0, 100, 100, 100):
        rig.clock.seconds += seconds
        rig.outages.note_failure(ONE, "503")
        if seconds:
            rig.outages.note_success(OTHER)
    assert rig.outages.longest() == (0.0, "S3 fails: 503")
    rig.clock.seconds += 100
    rig.outages.note_failure(ONE, "503")
    assert rig.outages.longest() == (100.0, "S3 fails: 503")
    assert rig.outages.pause(ONE) == LONGEST
