"""What the index costs: bursts through a worker with a full index and a worker without one."""

import os
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import ratios
from bench.duplicates import distinct_photos
from bench.duplicates.index.filled_index import FilledIndex
from bench.duplicates.index.growth import STRANGERS
from bench.duplicates.index.hashes import draw_balanced
from bench.duplicates.quality import album
from bench.photos import Load
from bench.rig import BenchRig
from bench.rivals.contestants import Contestant, worker_of
from bench.throughput.bursts import burst
from localstack.worker_process import WorkerProcess

REMEMBERED = 100_000  # photos in the index before the first burst
OTHER = "forgetful"  # queue and bucket of the worker without an index
KIND = distinct_photos.KIND  # the less work a photo is, the more a look-up weighs
WARM_UP = 40  # photos
LEAST_ROUNDS = 7  # the difference is smaller than the spread of the rounds


def steps(rounds: int) -> int:
    """How many times `measure` reports progress."""
    return 3 + max(rounds, LEAST_ROUNDS)


def measure(
    rig: BenchRig, folder: Path, rounds: int, photos: int, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Let both workers score the same photos in turns. Raises LostError, ServicesError."""
    tell(f"filling the index with {REMEMBERED:,} photos")
    hashes, strangers = draw_balanced(REMEMBERED, seed=2), draw_balanced(STRANGERS, seed=3)
    FilledIndex(rig.redis, hashes, strangers).fill(REMEMBERED)
    tell("a worker without an index")
    shown = [album.upright(photo) for photo in album.photos()]
    with _start_without_index(rig, folder) as other:
        both = [("with", worker_of(rig)), ("without", other)]
        rows, alike = list[dict[str, float]](), list[float]()
        for number in range(-1, max(rounds, LEAST_ROUNDS)):
            tell(f"round {number + 1} with and without an index" if number >= 0 else "warm-up")
            count = photos if number >= 0 else WARM_UP
            load = Load(KIND, number, distinct_photos.jpegs(shown, count, seed=number + 1), count)
            both.reverse()  # coming first has a small advantage or disadvantage
            rows.append(_run_lap(rig, both, load))
            alike.append(_share_of_duplicates(rig, load))
    return {
        "remembered": REMEMBERED,
        "told_alike": statistics.mean(alike[1:]),
        "every_round": rows[1:],
        "median": ratios.medians(rows[1:]),
        "spread": ratios.spread(rows[1:]),
    }


def _share_of_duplicates(rig: BenchRig, load: Load) -> float:
    """Share of the photos that the worker with an index marked as duplicates."""
    results = rig.redis.mget([f"{worker_of(rig).prefix}:{image_id}" for image_id in load.ids])
    return sum('"duplicate_of":{' in result for result in results) / load.count


def _run_lap(rig: BenchRig, both: list[tuple[str, Contestant]], load: Load) -> dict[str, float]:
    rows = {name: burst(rig, contestant, load, all_food=False) for name, contestant in both}
    lap = {f"{name}_{what}": value for name, row in rows.items() for what, value in row.items()}
    lap["ratio"] = lap["with_photos_per_s"] / lap["without_photos_per_s"]
    return lap


@contextmanager
def _start_without_index(rig: BenchRig, folder: Path) -> Iterator[Contestant]:
    """Start a worker without an index, on the same engine, with its own queue and bucket."""
    url = rig.create_queue(OTHER)
    changed = {
        "WORKER_ENGINE": rig.engine(),
        "WORKER_QUEUE_URL": url,
        "WORKER_BUCKETS": OTHER,
        "WORKER_RESULT_KEY": f"{OTHER}:{{image_id}}",
        "WORKER_DUPLICATE_WINDOW": "0",
    }
    worker = WorkerProcess(folder / f"{OTHER}.log", environment={**os.environ, **changed})
    try:
        worker.wait_for("polling")
        yield Contestant(rig, OTHER, OTHER, url, worker)
    finally:
        worker.stop()
