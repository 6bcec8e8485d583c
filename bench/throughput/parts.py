"""What a photo needs: decoding and inference side by side on all cores, and the model alone.

Side by side, because they share caches, memory and clock rate: each alone takes less CPU time than both
together, and the worker runs both at once.
"""

import itertools
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from worker.inference.runtimes import Replicas
from worker.messages import Pixels
from worker.photos import decoding
from worker.settings.cores import cores

LARGEST = 32  # photos a call of the model alone
BATCH = 8  # photos that a thread decodes, and then scores: short turns, so that cores do unlike work
BARE, BOTH = 0.8, 1.6  # seconds of the model alone; of both, whose turns take up to half a second
WARM_UP = 0.0  # seconds: each thread's first call alone

Predict = Callable[[Pixels], object]


def measure_parts(replicas: Replicas, photos: list[bytes]) -> dict[str, float]:
    """Measure the model alone in photos/s, then CPU ms a photo of decoding and of inference, side by side."""
    target = replicas[0][0].bundle.manifest.input.target
    models = [replica[0].predict for replica in replicas]

    def decode(photo: bytes) -> Pixels:
        return decoding.prepare(photo, target, sys.maxsize)[0]

    some = [decode(photo) for photo in photos]
    batch = np.stack([some[n % len(some)] for n in range(LARGEST)])
    calls = [partial(predict, batch) for predict in models]
    repeat(calls, WARM_UP)
    done, took, _ = repeat(calls, BARE)
    return {"images_per_s": done * LARGEST / took, **both(decode, models, photos, cores(), BOTH)}


def both(
    decode: Callable[[bytes], Pixels],
    models: Sequence[Predict],
    photos: list[bytes],
    threads: int,
    seconds: float,
) -> dict[str, float]:
    """Let each thread decode a batch and score it, again and again: CPU ms a photo of either part.

    Nobody keeps the threads in step, so some decode while others score. Inference counts what other threads
    of this process do for it, too. Threads that share a model take turns at it.
    """
    decoding_seconds = [0.0] * threads
    locks = [threading.Lock() for _ in models]

    def turn(number: int, drawn: "itertools.cycle[bytes]") -> None:
        begun = time.thread_time()
        batch = np.stack([decode(next(drawn)) for _ in range(BATCH)])
        decoding_seconds[number] += time.thread_time() - begun
        with locks[number % len(models)]:
            models[number % len(models)](batch)

    turns = [partial(turn, number, itertools.cycle(photos)) for number in range(threads)]
    repeat(turns, WARM_UP)
    decoding_seconds[:] = [0.0] * threads
    calls, _, used = repeat(turns, seconds)
    done, decoded = calls * BATCH, sum(decoding_seconds)
    return {"decode_cpu_ms": 1000 * decoded / done, "infer_cpu_ms": 1000 * (used - decoded) / done}


def repeat(calls: Sequence[Callable[[], object]], seconds: float) -> tuple[int, float, float]:
    """Repeat each call in a thread of its own: how many calls, and seconds and CPU seconds that they took."""

    def again(call: Callable[[], object]) -> int:
        done = 0
        while not done or time.monotonic() - begun < seconds:
            call()
            done += 1
        return done

    with ThreadPoolExecutor(len(calls)) as threads:
        begun, cpu = time.monotonic(), time.process_time()
        done = sum(threads.map(again, calls))
        return done, time.monotonic() - begun, time.process_time() - cpu
