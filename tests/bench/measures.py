"""What is measured: the contestants side by side, round by round; and where the time of one photo goes."""

import os
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.bench.bursts import burst, plain_loop
from tests.bench.photos import SIZES, jpegs
from tests.bench.processes import LostError, answer_of
from tests.bench.rig import CORES, MODEL, Rig
from worker import settings
from worker.client import Client

PLAIN_SHARE = 8  # the plain loop gets one photo for so many of the worker's, or it would take all the time
WARM_UP = 40  # photos of each kind before the first round
ALONE = 120.0  # seconds that the model alone may take
LATENCY_PHOTOS, LATENCY_WARM_UP = 100, 5
PERIOD = 0.25  # seconds from one single photo to the next
HEARD_WITHIN = 30.0  # seconds until a single photo counts as lost
WORK = ("fetch", "decode", "infer")  # the steps that no worker can do without


def steps(rounds: int) -> int:
    """How often `measure` tells that it goes on."""
    return len(SIZES) + rounds * (1 + 2 * len(SIZES)) + 1


def measure(rig: Rig, rounds: int, photos: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Run all rounds, kinds and contestants interleaved; `tell` hears what comes next."""
    samples = {kind: jpegs(kind) for kind in SIZES}
    for kind in SIZES:
        tell(f"warm-up, {kind}")
        burst(rig, kind, -1, samples[kind], min(WARM_UP, photos))
    rows: dict[str, list[dict[str, float]]] = {kind: [] for kind in SIZES}
    for number in range(rounds):
        tell(f"round {number + 1}, model alone")
        alone = answer_of("tests.bench.alone", str(MODEL), within=ALONE)
        for kind in SIZES:
            tell(f"round {number + 1}, {kind}, worker")
            worker = burst(rig, kind, number, samples[kind], photos)
            tell(f"round {number + 1}, {kind}, plain loop")
            plain = plain_loop(rig, kind, number, samples[kind], max(1, photos // PLAIN_SHARE))
            bare = {**alone, "decode_cpu_ms": alone["decode_cpu_ms"][kind]}
            rows[kind].append(with_ratios({**worker, **plain, **bare}))
    tell("one photo at a time")
    wanted = settings.load(os.environ)
    latency = one_at_a_time(Client.from_settings(wanted), samples["small"])
    return {
        "settings": wanted.model_dump(mode="json"),  # without the Redis URL, which is a secret
        "throughput": {kind: medians(of_kind) for kind, of_kind in rows.items()},
        "every_round": rows,
        "latency_ms": latency,
        "worker_peak_memory_mb": rig.peak_memory_mb(),
    }


def with_ratios(row: dict[str, float]) -> dict[str, float]:
    """Add the limits (cores ÷ CPU seconds that a photo needs at least) and how near the contestants come to them."""
    needed = row["infer_cpu_ms"] + row["decode_cpu_ms"]
    limit = CORES * 1000 / needed
    shared = CORES * 1000 / (needed + row["services_cpu_ms"])
    return {
        **row,
        "limit_per_s": limit,
        "limit_with_services_per_s": shared,
        "worker_to_model_alone": row["photos_per_s"] / row["images_per_s"],
        "worker_to_plain": row["photos_per_s"] / row["plain_per_s"],
        "worker_to_limit": row["photos_per_s"] / limit,
        "worker_to_limit_with_services": row["photos_per_s"] / shared,
        "plain_to_limit": row["plain_per_s"] / limit,
    }


def medians(rows: list[dict[str, float]]) -> dict[str, float]:
    """Median of each number over the rounds."""
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


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
