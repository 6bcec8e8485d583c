"""What a photo costs the worker's processes from S3 to Redis, beside a simulated accelerator.

A model on the CPU would take ten times the CPU time of all else in the worker's main process, and hide it.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from bench import ratios
from bench.accelerator.simulated_worker import PROGRAM
from bench.photos import Load, jpegs
from bench.processes import cpu_seconds
from bench.rig import BenchRig
from bench.rivals.contestants import Contestant
from bench.throughput.bursts import burst
from localstack.worker_process import WorkerProcess

NAME = "simulated"  # queue, bucket and results of this worker
COUNTS = {"small": 800, "3 MP": 400, "12 MP": 80}  # photos of a burst

Row = dict[str, float]


def steps(rounds: int) -> int:
    """How many times `measure` reports progress."""
    return rounds * len(COUNTS)


def measure(rig: BenchRig, folder: Path, rounds: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Let the worker find bursts of each kind; medians of rounds. Raises LostError, ServicesError."""
    rows: dict[str, list[Row]] = {kind: [] for kind in COUNTS}
    samples = {kind: jpegs(kind) for kind in COUNTS}
    with _start(rig, folder) as (contestant, worker):
        for kind, distinct in samples.items():
            _run(rig, contestant, worker, Load(NAME + kind, -1, distinct, len(distinct)))
        for number in range(rounds):
            for kind, distinct in samples.items():
                tell(f"round {number + 1}, from S3 to a simulated accelerator, {kind}")
                load = Load(NAME + kind, number, distinct, COUNTS[kind])
                rows[kind].append(_run(rig, contestant, worker, load))
    return {
        "median": {kind: ratios.medians(of_kind) for kind, of_kind in rows.items()},
        "spread": {kind: ratios.spread(of_kind) for kind, of_kind in rows.items()},
        "every_round": rows,
    }


def _run(rig: BenchRig, contestant: Contestant, worker: WorkerProcess, load: Load) -> Row:
    main = [psutil.Process(worker.pid)]
    before = cpu_seconds(main)
    seen = burst(rig, contestant, load, all_food=False)
    main_cpu_ms = 1000 * (cpu_seconds(main) - before) / load.count
    return {
        **seen,
        "main_cpu_ms": main_cpu_ms,
        "hash_cpu_ms": _hash_cpu_ms(load.distinct),
        "decode_cpu_ms": seen["cpu_ms"] - main_cpu_ms,
    }


def _hash_cpu_ms(photos: Sequence[bytes]) -> float:
    """SHA-256 of a photo's bytes: the main process computes it, but outside of Python's lock."""
    begun = time.thread_time()
    for photo in photos:
        hashlib.sha256(photo)
    return 1000 * (time.thread_time() - begun) / len(photos)


@contextmanager
def _start(rig: BenchRig, folder: Path) -> Iterator[tuple[Contestant, WorkerProcess]]:
    url = rig.create_queue(NAME)
    own: Mapping[str, str] = {
        "WORKER_QUEUE_URL": url,
        "WORKER_BUCKETS": NAME,
        "WORKER_RESULT_KEY": f"{NAME}:{{image_id}}",
    }
    worker = WorkerProcess(folder / f"{NAME}.log", environment={**os.environ, **own}, program=PROGRAM)
    try:
        worker.wait_for("polling")
        yield Contestant(rig, NAME, NAME, url, worker), worker
    finally:
        worker.stop()
