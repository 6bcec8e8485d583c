"""What remembering costs: bursts through two workers, one with the index full of photos, one that remembers nothing."""

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import ratios
from bench.duplicates import distinct_photos
from bench.duplicates.index.filled_index import Filled
from bench.duplicates.index.growth import STRANGERS
from bench.duplicates.index.hashes import balanced
from bench.duplicates.quality import album
from bench.photos import Load
from bench.processes import ROOT
from bench.rig import Rig
from bench.rivals.contestants import Contestant, stop, wait_until_ready, worker_of
from bench.rivals.rivals import engine_of, queue_of
from bench.throughput.bursts import burst
from localstack.services import die_with_parent

REMEMBERED = 100_000  # photos, before the first burst
FORGETFUL = "forgetful"  # name of the other worker's queue and bucket
KIND = distinct_photos.KIND  # the less work a photo is, the more a look-up weighs
WARM_UP = 40  # photos
LEAST_ROUNDS = 7  # the difference is smaller than what rounds differ by


def steps(rounds: int) -> int:
    """How often `measure` tells that it goes on."""
    return 3 + max(rounds, LEAST_ROUNDS)


def measure(rig: Rig, folder: Path, rounds: int, photos: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Let both score the same photos in turn; medians over the rounds. Raises LostError and BenchError."""
    tell(f"remembering {REMEMBERED:,} photos")
    Filled(rig.redis, balanced(REMEMBERED, seed=2), balanced(STRANGERS, seed=3)).fill(REMEMBERED)
    tell("a worker that remembers nothing")
    shown = [album.upright(one) for one in album.photos()]
    with _forgetful(rig, folder) as other:
        both = [("with", worker_of(rig)), ("without", other)]
        rows, alike = list[dict[str, float]](), list[float]()
        for number in range(-1, max(rounds, LEAST_ROUNDS)):
            tell(f"round {number + 1} with and without an index" if number >= 0 else "warm-up")
            count = photos if number >= 0 else WARM_UP
            load = Load(KIND, number, distinct_photos.jpegs(shown, count, seed=number + 1), count)
            both.reverse()  # who comes first has a small advantage or disadvantage
            rows.append(_lap(rig, both, load))
            alike.append(_told_alike(rig, load))
    return {
        "remembered": REMEMBERED,
        "told_alike": statistics.mean(alike[1:]),
        "every_round": rows[1:],
        "median": ratios.medians(rows[1:]),
        "spread": ratios.spread(rows[1:]),
    }


def _told_alike(rig: Rig, load: Load) -> float:
    """Which share of the photos the worker with an index called duplicates."""
    worker = worker_of(rig)
    told = rig.redis.mget([f"{worker.prefix}:{image_id}" for image_id in load.ids])
    return sum('"duplicate_of":{' in result for result in told) / load.count


def _lap(rig: Rig, both: list[tuple[str, Contestant]], load: Load) -> dict[str, float]:
    seen = {name: burst(rig, one, load, all_food=False) for name, one in both}
    row = {f"{name}_{what}": value for name, found in seen.items() for what, value in found.items()}
    row["ratio"] = row["with_photos_per_s"] / row["without_photos_per_s"]
    return row


@contextmanager
def _forgetful(rig: Rig, folder: Path) -> Iterator[Contestant]:
    """Start a worker of the same engine without an index, with a queue and a bucket of its own."""
    url, log = queue_of(rig, FORGETFUL), folder / f"{FORGETFUL}.log"
    environment = {
        **os.environ,
        "WORKER_ENGINE": engine_of(rig._log),
        "WORKER_QUEUE_URL": url,
        "WORKER_BUCKETS": FORGETFUL,
        "WORKER_RESULT_KEY": f"{FORGETFUL}:{{image_id}}",
        "WORKER_STATE_FILE": str(folder / f"{FORGETFUL}.json"),
        "WORKER_DUPLICATE_WINDOW": "0",
    }
    with log.open("w") as stream:
        command = die_with_parent([sys.executable, "-m", "worker"])
        process = subprocess.Popen(command, cwd=ROOT, stdout=stream, stderr=stream, env=environment)
        try:
            wait_until_ready("a worker without an index", process, log, '"polling"')
            yield Contestant(rig, FORGETFUL, FORGETFUL, url, process)
        finally:
            stop(process)
