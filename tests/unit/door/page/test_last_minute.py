"""Rate and percentiles of the last minute, by way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fakes import ManualClock
from worker.door.page.last_minute import MOST, LastMinute
from worker.result import Via
from worker.telemetry.counters import Reported


def done(ms: float, way: Via = "http", *, is_undone: bool = False) -> Reported:
    return Reported("m/0", "photo-1", "scored", way, None, {}, {"total": ms}, 0.0, is_undone)


def test_each_way_has_its_own_figures() -> None:
    clock = ManualClock()
    minute = LastMinute(clock)
    for ms in (10.0, 20.0, 30.0):
        minute.photo(done(ms))
    minute.photo(done(500.0, "queue"))
    clock.seconds += 10
    found = minute.figures()
    assert found["http"] == {"rate": 0.3, "p50": 20.0, "p99": 30.0}
    assert found["queue"] == {"rate": 0.1, "p50": 500.0, "p99": 500.0}


def test_after_a_minute_nothing_is_left() -> None:
    clock = ManualClock()
    minute = LastMinute(clock)
    minute.photo(done(10.0))
    clock.seconds += 59
    assert minute.figures()["http"]["rate"] == pytest.approx(1 / 59, abs=0.01)
    clock.seconds += 2
    assert minute.figures()["http"] == {"rate": 0.0, "p50": None, "p99": None}


def test_photos_without_a_result_do_not_count() -> None:
    minute = LastMinute(ManualClock())
    minute.photo(done(10.0, is_undone=True))
    assert minute.figures() == {}


def test_where_more_come_than_are_kept_the_rate_is_still_true() -> None:
    clock = ManualClock()
    minute = LastMinute(clock)
    for number in range(2 * MOST):
        clock.seconds += 1 / 500
        minute.photo(done(float(number)))
    assert minute.figures()["http"] == {
        "rate": pytest.approx(500, rel=0.01),
        "p50": MOST + MOST / 2 - 1,
        "p99": MOST + 0.99 * MOST - 1,
    }


@given(st.lists(st.tuples(st.integers(1, 10_000), st.floats(0, 5)), min_size=1, max_size=200))
def test_percentiles_are_those_of_numpy_by_nearest_rank(photos: list[tuple[int, float]]) -> None:
    clock = ManualClock()
    minute = LastMinute(clock)
    came = list[tuple[float, int]]()
    for ms, pause in photos:
        clock.seconds += pause
        minute.photo(done(float(ms)))
        came.append((clock.seconds, ms))
    times = [ms for at, ms in came if clock.seconds - at <= 60]
    found = minute.figures()["http"]
    for name, share in (("p50", 50), ("p99", 99)):
        assert found[name] == np.percentile(times, share, method="inverted_cdf")
