"""How many photos are fetched ahead: as many as the measured times require, and no more."""

import threading

import pytest

from worker.pipeline.prefetch import PrefetchWindow


@pytest.mark.parametrize(
    ("fetch", "decode", "rate", "size"),
    [
        (0.05, 0.01, 100.0, 2 + 1 + 5),  # the model is the limit
        (0.05, 0.1, 1000.0, 2 + 1 + 1),  # decoding is: twenty photos a second
        (0.05, 0.01, float("inf"), 2 + 1 + 10),
        (10.0, 0.01, 100.0, 32),  # S3 is so slow that all threads wait for it
        (0.0, 0.01, 100.0, 3),
    ],
)
def test_the_window_keeps_decoders_and_model_busy_during_a_fetch(
    fetch: float, decode: float, rate: float, size: int
) -> None:
    window = PrefetchWindow(2, 32, lambda: rate)
    window.note(fetch, decode)
    assert window.size == size


def test_before_any_measurement_the_window_is_of_medium_size() -> None:
    assert PrefetchWindow(2, 32, lambda: 100.0).size == 8
    assert PrefetchWindow(2, 3, lambda: 100.0).size == 3


def test_one_odd_measurement_changes_little() -> None:
    window = PrefetchWindow(2, 64, lambda: 100.0)
    for _ in range(50):
        window.note(0.05, 0.01)
    window.note(2.0, 0.01)
    assert window.size <= 21


def test_ranks_beyond_the_window_wait_until_it_grows() -> None:
    window = PrefetchWindow(1, 16, lambda: 100.0)
    window.note(0.0, 0.01)
    assert [window.admits(rank, 0.0) for rank in range(3)] == [True, True, False]
    assert not window.admits(2, 0.001)
    admitted: list[bool] = []
    thread = threading.Thread(target=lambda: admitted.append(window.admits(5, 10.0)))
    thread.start()
    for _ in range(100):
        window.note(0.1, 0.001)
    thread.join(10.0)
    assert admitted == [True]


def test_waiting_helpers_notice_the_end_of_the_work() -> None:
    window = PrefetchWindow(1, 16, lambda: 100.0)
    window.note(0.0, 0.01)
    admitted: list[bool] = []
    thread = threading.Thread(target=lambda: admitted.append(window.admits(15, 10.0)))
    thread.start()
    window.open()
    thread.join(10.0)
    assert admitted == [True]
