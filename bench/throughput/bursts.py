"""A burst of photos through one contestant; no photo may get lost."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil

from bench.photos import Load, as_upload
from bench.processes import LostError, busy_seconds, cpu_seconds
from bench.rig import CORES, BenchRig
from bench.rivals.contestants import Contestant

UNRECOGNISED = '"status":"unrecognised"'  # in the worker's result for a photo that shows no food
SILENCE = 60.0  # seconds without a result, or with a message left, after which photos count as lost
UPLOADERS = 8


def burst(rig: BenchRig, contestant: Contestant, load: Load, *, all_food: bool = True) -> dict[str, float]:
    """Let a contestant find photos waiting: photos/s, CPU milliseconds a photo, shares of the cores.

    The clock runs from the moment it may start to the last result. A later start would give it
    photos for free: up to two queues of them are fetched and decoded before the first result.
    Raises LostError unless each photo has a score (or, without `all_food`, any answer) and the queue
    is empty at the end.
    """
    contestant.freeze()
    ids = feed(rig, contestant, load)
    before = _read_cpu(rig, contestant)
    with rig.redis.pubsub() as results:
        results.psubscribe(f"{contestant.prefix}:*")
        results.get_message(timeout=SILENCE)  # Redis's confirmation
        begun = time.monotonic()
        contestant.thaw()
        took = wait_for_results(results, contestant.prefix, set(ids)) - begun
    own, services, everything = (
        now - then for now, then in zip(_read_cpu(rig, contestant), before, strict=True)
    )
    check_settled(rig, contestant, ids, all_food=all_food)
    rig.remove(contestant.bucket, ids)
    return {
        "photos_per_s": load.count / took,
        "cpu_ms": own * 1000 / load.count,
        "services_cpu_ms": services * 1000 / load.count,
        "cores_busy": (own + services) / (took * CORES),
        "cores_taken": max(0.0, everything - own - services) / (took * CORES),
    }


def feed(rig: BenchRig, contestant: Contestant, load: Load) -> list[str]:
    """Upload the photos, wait until all messages are in the queue, and return the photos' ids."""
    ids = load.ids

    def put(number: int) -> None:
        body = as_upload(load.distinct[number % len(load.distinct)], ids[number])
        rig.s3.put_object(Bucket=contestant.bucket, Key=f"uploads/{ids[number]}.jpg", Body=body)

    with ThreadPoolExecutor(UPLOADERS) as pool:
        list(pool.map(put, range(load.count)))
    for i in ids:
        contestant.announce(f"uploads/{i}.jpg")
    _wait_for_messages(
        contestant, lambda count: count >= load.count, f"of {load.count} photos were announced"
    )
    return ids


def read_scores(rig: BenchRig, contestant: Contestant, ids: list[str]) -> list[str]:
    """Read the score of each photo as text; the worker's results are cut down to it."""
    return [
        text.partition('"score":')[2].partition(",")[0] if text[:1] == "{" else text
        for text in _read_results(rig, contestant, ids)
    ]


def check_settled(rig: BenchRig, contestant: Contestant, ids: list[str], *, all_food: bool = True) -> None:
    """Raise LostError unless each photo has a score (or shows no food) and no message is left."""
    failed = sum(not score.isdigit() for score in read_scores(rig, contestant, ids))
    if not all_food:
        failed -= sum(UNRECOGNISED in text for text in _read_results(rig, contestant, ids))
    if failed:
        raise LostError(f"{failed} of {len(ids)} photos of {contestant.prefix} have no score")
    problem = f"messages of {contestant.prefix} were not deleted though every photo has its result"
    _wait_for_messages(contestant, lambda count: count == 0, problem)


def wait_for_results(results: Any, prefix: str, missing: set[str]) -> float:
    """Wait for the results of the missing photos; return the monotonic time of the last one."""
    last = time.monotonic()
    while missing:
        message = results.get_message(timeout=1.0)
        channel = message["channel"].removeprefix(f"{prefix}:") if message else ""
        if channel in missing:
            missing.remove(channel)
            last = time.monotonic()
        if time.monotonic() - last > SILENCE:
            silence = f"after {SILENCE:.0f} s of silence"
            raise LostError(f"{len(missing)} photos of {prefix} have no result {silence}")
    return last


def _wait_for_messages(contestant: Contestant, is_enough: Callable[[int], bool], problem: str) -> None:
    deadline = time.monotonic() + SILENCE
    while not is_enough(count := contestant.count_messages()):
        if time.monotonic() > deadline:
            raise LostError(f"{count} {problem}")
        time.sleep(0.05)


def _read_results(rig: BenchRig, contestant: Contestant, ids: list[str]) -> list[str]:
    return [str(text) for text in rig.redis.mget([f"{contestant.prefix}:{i}" for i in ids])]


def _read_cpu(rig: BenchRig, contestant: Contestant) -> tuple[float, float, float]:
    """CPU seconds so far of the contestant, the services, and all programs but the bench itself."""
    return contestant.cpu(), cpu_seconds(rig.services), busy_seconds() - cpu_seconds([psutil.Process()])
