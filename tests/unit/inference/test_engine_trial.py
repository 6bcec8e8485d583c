"""Comparing engines: how far their answers differ, how fast they are, which one is chosen."""

import hashlib
import math
import threading
from typing import Any

import numpy as np
import pytest

from tests.support.fakes import ManualClock
from worker.inference import engine_trial
from worker.inference.engine_trial import Engine
from worker.inference.serving import Photos
from worker.messages import Outputs

PHOTOS = engine_trial.random_photos(2, 12, 10)


class Answers:
    """Gives the same answer every time."""

    def __init__(self, **outputs: Any) -> None:
        self.outputs = {role: np.asarray(rows, np.float32) for role, rows in outputs.items()}

    def predict(self, batch: Photos) -> Outputs:
        return self.outputs


class Slow:
    """Takes so many seconds of the clock for each photo; the last number repeats."""

    def __init__(self, clock: ManualClock, *seconds: float) -> None:
        self.clock, self.seconds, self.sizes = clock, list(seconds), set[int]()

    def predict(self, batch: Photos) -> Outputs:
        self.sizes.add(len(batch))
        seconds = self.seconds.pop(0) if len(self.seconds) > 1 else self.seconds[0]
        self.clock.seconds += seconds * len(batch)
        return {}


def test_the_photos_are_the_same_every_time_and_use_the_full_range() -> None:
    photos = engine_trial.random_photos(3, 20, 30)
    assert photos.shape == (3, 20, 30, 3)
    assert photos.dtype == np.uint8
    assert np.array_equal(photos, engine_trial.random_photos(3, 20, 30))
    assert photos.min() < 40
    assert photos.max() > 215
    assert not np.array_equal(photos[0], photos[1])
    # Answers to them are kept, so no version of any library may change them.
    assert hashlib.sha256(photos.tobytes()).hexdigest().startswith("7f829b672c27cb2f")


def test_the_difference_is_the_largest_of_all_numbers() -> None:
    one = Answers(score=[1.0, 2.0], labels=[[0.1, 0.9], [0.2, 0.8]])
    other = Answers(score=[1.0, 2.25], labels=[[0.1, 0.9], [0.6, 0.4]])
    assert engine_trial.difference([one], [other], PHOTOS) == pytest.approx(0.4)
    assert engine_trial.difference([one], [one], PHOTOS) == 0


@pytest.mark.parametrize(
    "other",
    [
        Answers(score=[[1.0], [2.0]]),
        Answers(score=[1.0]),
        Answers(score=[1.0, 2.0], labels=[1.0, 2.0]),
        Answers(other=[1.0, 2.0]),
        Answers(score=[1.0, math.nan]),
        Answers(score=[1.0, math.inf]),
    ],
)
def test_answers_of_another_shape_or_without_a_finite_number_differ_infinitely(other: Answers) -> None:
    assert engine_trial.difference([Answers(score=[1.0, 2.0])], [other], PHOTOS) == math.inf


def test_answers_of_another_type_differ_infinitely() -> None:
    other = Answers(score=[1.0, 2.0])
    other.outputs = {"score": np.asarray([1.0, 2.0])}
    assert engine_trial.difference([Answers(score=[1.0, 2.0])], [other], PHOTOS) == math.inf


def test_a_rate_is_the_median_of_rounds_and_the_first_slow_call_does_not_count() -> None:
    clock, beginnings = ManualClock(), list[float]()
    slow_at_first = Slow(clock, 10.0, 0.1)
    even = Slow(clock, 0.05)
    rates = engine_trial.race(
        [[[slow_at_first]], [[even]]], PHOTOS, clock, lambda: beginnings.append(clock())
    )
    assert rates == pytest.approx([10, 20])
    assert len(beginnings) == engine_trial.ROUNDS
    assert slow_at_first.sizes == even.sizes == {2}


def test_one_slow_round_does_not_change_a_rate() -> None:
    clock = ManualClock()
    disturbed = Slow(clock, 0.1, 0.1, 0.5, 0.1)
    assert engine_trial.race([[[disturbed]]], PHOTOS, clock, lambda: None) == pytest.approx([10])


def test_slow_models_race_in_fewer_rounds() -> None:
    clock, rounds = ManualClock(), list[int]()
    rates = engine_trial.race([[[Slow(clock, 9.0)]]], PHOTOS, clock, lambda: rounds.append(1))
    assert rates == pytest.approx([1 / 9])
    assert len(rounds) == 1


def test_the_race_ends_even_if_the_clock_stands_still() -> None:
    clock = ManualClock()
    fast = Slow(clock, 0.0)
    one, other = engine_trial.race([[[fast]], [[fast]]], PHOTOS, clock, lambda: None)
    assert one == other > 0


def test_all_models_of_a_replica_count_as_one() -> None:
    clock = ManualClock()
    replica = [Slow(clock, 0.1), Slow(clock, 0.3)]
    assert engine_trial.race([[replica]], PHOTOS, clock, lambda: None) == pytest.approx([2.5])


def test_replicas_run_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=20)

    class WaitsForOthers:
        def predict(self, batch: Photos) -> Outputs:
            meeting.wait()
            return {}

    clock = iter(range(10_000))
    rates = engine_trial.race(
        [[[WaitsForOthers()] for _ in range(3)]], PHOTOS, lambda: float(next(clock)), lambda: None
    )
    assert rates[0] > 0


@pytest.mark.parametrize(
    ("tensorflow", "litert", "difference", "chosen"),
    [
        (100, 120, 0.0, "litert"),
        (100, 120, 1e-3, "litert"),
        (100, 120, 1.1e-3, "tensorflow"),
        (100, 120, math.inf, "tensorflow"),
        (100, 87, 0.0, "litert"),
        (100, 86, 0.0, "tensorflow"),
        (100, 87, 1.1e-3, "tensorflow"),
    ],
)
def test_litert_is_chosen_if_it_gives_the_same_answers_and_tensorflow_is_not_much_faster(
    tensorflow: float, litert: float, difference: float, chosen: str
) -> None:
    rates: dict[Engine, float] = {"tensorflow": tensorflow, "litert": litert}
    assert engine_trial.choose(rates, {"litert": difference}) == chosen


@pytest.mark.parametrize(
    ("tensorflow", "openvino", "differences", "chosen"),
    [
        (100, 106, (0.0, 1e-3), "openvino"),
        (100, 104, (0.0, 0.0), "litert"),
        (100, 130, (0.0, 1.1e-3), "litert"),
        (100, 101, (math.inf, 0.0), "openvino"),
        (100, 130, (math.inf, math.inf), "tensorflow"),
        (120, 130, (0.0, 0.0), "openvino"),
        (120, 106, (0.0, 0.0), "tensorflow"),
    ],
)
def test_openvino_is_chosen_if_it_gives_the_same_answers_measurably_faster_than_litert(
    tensorflow: float, openvino: float, differences: tuple[float, float], chosen: str
) -> None:
    rates: dict[Engine, float] = {"tensorflow": tensorflow, "litert": 100.0, "openvino": openvino}
    assert engine_trial.choose(rates, {"litert": differences[0], "openvino": differences[1]}) == chosen


def test_an_engine_that_could_not_take_part_is_not_chosen() -> None:
    assert engine_trial.choose({"tensorflow": 10, "openvino": 9.5}, {"openvino": 0.0}) == "openvino"
    assert engine_trial.choose({"tensorflow": 10}, {}) == "tensorflow"
