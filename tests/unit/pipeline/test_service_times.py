"""How long a model call takes, by batch size."""

import pytest

from worker.pipeline.service_times import ServiceTimes


def test_without_measurements_a_call_takes_no_time_and_the_rate_is_unlimited() -> None:
    assert ServiceTimes().expected(8) == 0.0
    assert ServiceTimes().rate() == float("inf")


@pytest.mark.parametrize(("size", "seconds"), [(1, 2.0), (2, 3.0), (3, 4.0), (8, 9.0), (16, 18.0)])
def test_times_are_interpolated_between_known_sizes_and_grow_beyond_them(size: int, seconds: float) -> None:
    assert ServiceTimes({1: 2.0, 8: 9.0}).expected(size) == pytest.approx(seconds)


def test_below_the_smallest_known_size_its_time_is_used() -> None:
    assert ServiceTimes({4: 2.0}).expected(1) == 2.0


def test_one_measurement_changes_the_mean_only_a_little() -> None:
    times = ServiceTimes({4: 1.0})
    times.note(4, 2.0)
    assert 1.0 < times.expected(4) < 1.5
    for _ in range(100):
        times.note(4, 2.0)
    assert times.expected(4) == pytest.approx(2.0, abs=0.01)
    times.note(2, 0.5)
    assert times.expected(2) == 0.5


def test_the_rate_is_that_of_the_best_size() -> None:
    assert ServiceTimes({1: 0.1, 8: 0.2, 16: 0.8}).rate() == pytest.approx(40.0)
