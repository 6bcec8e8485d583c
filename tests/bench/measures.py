"""What is measured: throughput, and where the time of one photo goes."""

import os
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.bench import throughput
from tests.bench.photos import jpegs
from tests.bench.processes import LostError
from tests.bench.rig import Rig
from worker import settings
from worker.client import Client

LATENCY_PHOTOS, LATENCY_WARM_UP = 100, 5
PERIOD = 0.25  # seconds from one single photo to the next
HEARD_WITHIN = 30.0  # seconds until a single photo counts as lost
WORK = ("fetch", "decode", "infer")  # the steps that no worker can do without


def steps(rounds: int) -> int:
    """How often `measure` tells that it goes on."""
    return throughput.steps(rounds) + 1


def measure(rig: Rig, rounds: int, photos: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Throughput, then the time of one photo; `tell` hears what comes next."""
    measured = throughput.measure(rig, rounds, photos, tell)
    tell("one photo at a time")
    wanted = settings.load(os.environ)
    return {**measured, "latency_ms": one_at_a_time(Client.from_settings(wanted), jpegs("small"))}


def one_at_a_time(client: Client, photos: list[bytes]) -> dict[str, Any]:
    """PUT to the result in the waiting client's hands, one photo after the other, a few a second; milliseconds."""
    taken = [_single(client, photos[n % len(photos)]) for n in range(LATENCY_WARM_UP + LATENCY_PHOTOS)]
    seen = [milliseconds for milliseconds, _ in taken[LATENCY_WARM_UP:]]
    ledgers = [ledger for _, ledger in taken[LATENCY_WARM_UP:]]
    cuts = statistics.quantiles(seen, n=100, method="inclusive")
    beyond = [whole - sum(ledger[step] for step in WORK) for whole, ledger in zip(seen, ledgers, strict=True)]
    return {
        "steps_p50": {step: statistics.median(ledger[step] for ledger in ledgers) for step in ledgers[0]},
        "p50": cuts[49],
        "p90": cuts[89],
        "p99": cuts[98],
        "overhead_p50": statistics.median(beyond),
    }


def _single(client: Client, photo: bytes) -> tuple[float, Mapping[str, float]]:
    """Milliseconds until the result was there, and the worker's own ledger; then a rest until the period is over."""
    begun = time.monotonic()
    try:
        result = client.wait(client.upload(photo, ".jpg"), HEARD_WITHIN)
    except TimeoutError as error:
        raise LostError(str(error)) from None
    taken = time.monotonic() - begun
    time.sleep(max(0.0, PERIOD - taken))
    return taken * 1000, result.timings_ms
