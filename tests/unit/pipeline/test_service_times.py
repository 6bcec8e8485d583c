"""What a model call takes by batch size, as far as it is known."""

import pytest

from worker.pipeline.service_times import ServiceTimes


def test_nothing_known_costs_nothing_and_has_no_limit() -> None:
    assert ServiceTimes().expected(8) == 0.0
    assert ServiceTimes().rate() == float("inf")


@pytest.mark.parametrize(("size", "seconds"), [(1, 2.0), (2, 3.0), (3, 4.0), (8, 9.0), (16, 18.0)])
def test_between_known_sizes_times_lie_on_a_line_and_beyond_they_grow_with_the_size(
    size: int, seconds: float
) -> None:
    assert ServiceTimes({1: 2.0, 8: 9.0}).expected(size) == pytest.approx(seconds)


def test_below_the_smallest_known_size_its_time_counts() -> None:
    assert ServiceTimes({4: 2.0}).expected(1) == 2.0


def test_it_follows_what_is_measured_without_believing_one_measurement() -> None:
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
