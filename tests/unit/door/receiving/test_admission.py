"""How many photos and how many bytes are taken."""

import gc
import threading
from collections.abc import Callable

import pytest

from tests.support.fakes import ManualClock
from tests.support.waiting import PATIENCE
from worker.door.problems import Refusal
from worker.door.receiving.admission import FEWEST, Admission, Pieces, Place


def make(clock: Callable[[], float] = ManualClock(), *, most: int = 0, memory: int = 1_000) -> Admission:  # noqa: B008 - nobody moves it
    return Admission(most=most, memory=memory, objective_seconds=2.0, clock=clock)


def refusal(ask: Callable[[], object]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        ask()
    assert caught.value.code == "too_many_requests"
    return caught.value


def test_a_number_that_is_set_is_the_number_of_places() -> None:
    admission = make(most=2)
    places = [admission.enter(), admission.enter()]
    refusal(admission.enter)
    refusal(lambda: admission.check(1))
    places[0].leave()
    admission.check(1)
    assert admission.in_work == 1


def test_more_than_can_be_told_that_there_are_too_many_are_not_taken() -> None:
    fast = Admission(most=0, memory=1, objective_seconds=1.0, clock=ManualClock(), ceiling=6)
    fast.expect(1_000.0)
    assert fast.places == 6


def test_a_place_is_given_back_once() -> None:
    admission = make(most=2)
    place = admission.enter()
    place.leave()
    place.leave()
    assert admission.in_work == 0


def test_otherwise_there_are_as_many_as_are_scored_within_the_objective() -> None:
    admission = make()
    assert admission.places == FEWEST
    admission.expect(50.0)
    assert admission.places == 100


@pytest.mark.parametrize("expected", [None, float("inf")])
def test_where_nothing_was_measured_a_few_are_taken_and_the_rest_may_come_back_soon(
    expected: float | None,
) -> None:
    admission = make()
    if expected is not None:
        admission.expect(expected)
    for _ in range(FEWEST):
        admission.enter()
    assert refusal(admission.enter).headers == {"Retry-After": "1"}


def run_busy(admission: Admission, clock: ManualClock, photos: int, rate: float) -> None:
    """Keep all places taken while photos are scored at a rate, in order."""
    work = list[Place]()
    for _ in range(photos):
        while admission.in_work < admission.places:
            work.append(admission.enter())
        clock.seconds += 1 / rate
        work.pop(0).leave(is_scored=True)


@pytest.mark.parametrize("expected", [10.0, 400.0])
def test_places_follow_the_measured_rate(expected: float) -> None:
    clock = ManualClock()
    admission = make(clock)
    admission.expect(expected)
    run_busy(admission, clock, 2_000, rate=60.0)
    assert admission.places == pytest.approx(120, rel=0.1)


def test_a_worker_with_little_to_do_does_not_seem_slow() -> None:
    clock = ManualClock()
    admission = make(clock)
    admission.expect(100.0)
    for _ in range(100):
        place = admission.enter()
        clock.seconds += 0.05  # one at a time: 20 a second
        place.leave(is_scored=True)
    assert admission.places == 200


def test_a_worker_with_little_to_do_may_seem_faster_than_expected() -> None:
    clock = ManualClock()
    admission = make(clock)
    admission.expect(10.0)
    for _ in range(100):
        place = admission.enter()
        clock.seconds += 0.01
        place.leave(is_scored=True)
    assert admission.places == pytest.approx(200, rel=0.1)


def test_a_worker_with_half_of_its_places_taken_has_enough_to_do_to_seem_slow() -> None:
    clock = ManualClock()
    admission = make(clock, most=2)
    admission.expect(100.0)
    for _ in range(200):
        place = admission.enter()
        clock.seconds += 2.0
        place.leave(is_scored=True)
    admission.enter(), admission.enter()
    assert refusal(admission.enter).headers == {"Retry-After": "4"}


def test_photos_that_are_not_scored_tell_nothing_of_the_rate() -> None:
    admission = make(clock := ManualClock())
    admission.expect(100.0)
    for _ in range(100):
        place = admission.enter()
        clock.seconds += 0.0001  # refused at their first byte
        place.leave()
    assert admission.places == 200


def test_a_refusal_says_when_the_work_is_done() -> None:
    admission = make()
    admission.expect(4.0)
    for _ in range(8):
        admission.enter()
    assert refusal(admission.enter).headers == {"Retry-After": "2"}


def test_bytes_count_until_nobody_has_them() -> None:
    admission = make(memory=100)
    admission.hold(60)
    pieces = Pieces([b"x" * 60])
    admission.release_with(pieces, 60)
    refusal(lambda: admission.hold(41))
    admission.hold(40)
    admission.release(40)
    other = pieces
    del pieces
    assert admission.bytes_held == 60
    del other
    gc.collect()
    assert admission.bytes_held == 0


def test_a_refused_piece_is_not_counted() -> None:
    admission = make(memory=100)
    refusal(lambda: admission.hold(101))
    assert admission.bytes_held == 0


def test_bytes_may_be_freed_in_the_middle_of_taking_a_place() -> None:
    def collect() -> float:
        return float(gc.collect())  # whose moment nobody chooses

    admission = make(collect)
    pieces = Pieces([b"x"])
    admission.hold(1)
    admission.release_with(pieces, 1)
    cycle: list[object] = [pieces]
    cycle.append(cycle)
    del pieces, cycle
    taker = threading.Thread(target=admission.enter, daemon=True)
    taker.start()
    taker.join(PATIENCE)
    assert not taker.is_alive(), "the thread waits for itself"
    assert (admission.bytes_held, admission.in_work) == (0, 1)
