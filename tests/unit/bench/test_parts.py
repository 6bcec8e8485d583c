"""What a photo needs at least: how decoding and inference are measured side by side."""

import threading
import time

import numpy as np
import pytest

from bench.throughput import parts
from worker.messages import Pixels

PHOTOS = [b"a", b"b"]
PICTURE: Pixels = np.zeros((4, 4, 3), np.uint8)


def work(seconds: float) -> None:
    """Take CPU time."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_the_cpu_time_of_either_part_is_told_apart() -> None:
    def decode(_: bytes) -> Pixels:
        work(0.001)
        return PICTURE

    def predict(batch: Pixels) -> None:
        work(0.004 * len(batch))

    seen = parts.both(decode, [predict, predict], PHOTOS, threads=2, seconds=0.0)
    assert seen["decode_cpu_ms"] == pytest.approx(1, abs=0.9)
    assert 4 <= seen["infer_cpu_ms"] < 8


def test_threads_that_share_a_model_take_turns_at_it() -> None:
    other, met = threading.Barrier(2), list[int]()

    def predict(_: Pixels) -> None:
        try:
            met.append(other.wait(0.02))
        except threading.BrokenBarrierError:
            other.reset()

    parts.both(lambda _: PICTURE, [predict], PHOTOS, threads=3, seconds=0.0)
    assert not met


def test_a_thread_scores_what_it_has_decoded() -> None:
    batches = list[list[int]]()
    pictures = {b"a": np.zeros_like(PICTURE), b"b": np.ones_like(PICTURE)}
    parts.both(
        pictures.__getitem__,
        [lambda b: batches.append(b[:, 0, 0, 0].tolist())],
        PHOTOS,
        threads=1,
        seconds=0.0,
    )
    assert batches == [[0, 1] * (parts.BATCH // 2)] * 2  # the first is the warm-up


def test_every_call_is_repeated_until_the_time_is_over() -> None:
    calls = [0, 0]

    def call(number: int) -> None:
        calls[number] += 1

    done, took, _ = parts.repeat([lambda: call(0), lambda: call(1)], 0.02)
    assert done == sum(calls)
    assert min(calls) >= 1
    assert took >= 0.02
