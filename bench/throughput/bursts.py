"""A burst of photos through one contestant; no photo may get lost."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil

from bench.photos import Load, as_upload
from bench.processes import LostError, busy_seconds, cpu_seconds
from bench.rig import CORES, Rig
from bench.rivals.contestants import Contestant

UNRECOGNISED = '"status":"unrecognised"'  # in a worker's result, of a photo that shows no food
SILENCE = 60.0  # seconds without a result, or with a message that is not deleted, after which photos are lost
UPLOADERS = 8


def burst(rig: Rig, one: Contestant, load: Load, *, all_food: bool = True) -> dict[str, float]:
    """Let one find these photos waiting: photos/s, CPU milliseconds per photo, shares of the cores.

    The clock runs from the moment it may go on to the last result. Any later start would give it photos for nothing:
    up to two queues full of them are fetched and decoded before the first result.
    Raises LostError unless each photo has a score, or is at least answered where not all are food, and the queue is
    empty in the end.
    """
    one.freeze()
    ids = feed(rig, one, load)
    before = _used(rig, one)
    with rig.redis.pubsub() as results:
        results.psubscribe(f"{one.prefix}:*")
        results.get_message(timeout=SILENCE)  # Redis's confirmation
        begun = time.monotonic()
        one.thaw()
        took = last_arrival(results, one.prefix, set(ids)) - begun
    own, services, everything = (now - then for now, then in zip(_used(rig, one), before, strict=True))
    check_settled(rig, one, ids, all_food=all_food)
    rig.remove(one.bucket, ids)
    return {
        "photos_per_s": load.count / took,
        "cpu_ms": own * 1000 / load.count,
        "services_cpu_ms": services * 1000 / load.count,
        "cores_busy": (own + services) / (took * CORES),
        "cores_taken": max(0.0, everything - own - services) / (took * CORES),
    }


def feed(rig: Rig, one: Contestant, load: Load) -> list[str]:
    """Upload the photos and wait until as many messages are in the queue; the photos' ids."""
    ids = load.ids

    def put(number: int) -> None:
        body = as_upload(load.distinct[number % len(load.distinct)], ids[number])
        rig.s3.put_object(Bucket=one.bucket, Key=f"uploads/{ids[number]}.jpg", Body=body)

    with ThreadPoolExecutor(UPLOADERS) as pool:
        list(pool.map(put, range(load.count)))
    for i in ids:
        one.announce(f"uploads/{i}.jpg")
    deadline = time.monotonic() + SILENCE
    while one.left() < load.count:
        if time.monotonic() > deadline:
            raise LostError(f"only {one.left()} of {load.count} photos were announced")
        time.sleep(0.05)
    return ids


def scores(rig: Rig, one: Contestant, ids: list[str]) -> list[str]:
    """Give what each photo got, as text; the worker's whole result is cut down to its score."""
    return [
        text.partition('"score":')[2].partition(",")[0] if text[:1] == "{" else text
        for text in _stored(rig, one, ids)
    ]


def check_settled(rig: Rig, one: Contestant, ids: list[str], *, all_food: bool = True) -> None:
    """Raise LostError unless every photo has a score, or shows no food where it need not, and no message is left."""
    failed = sum(not score.isdigit() for score in scores(rig, one, ids))
    if not all_food:
        failed -= sum(UNRECOGNISED in text for text in _stored(rig, one, ids))
    if failed:
        raise LostError(f"{failed} of {len(ids)} photos of {one.prefix} have no score")
    deadline = time.monotonic() + SILENCE
    while left := one.left():
        if time.monotonic() > deadline:
            raise LostError(
                f"{left} messages of {one.prefix} were not deleted though every photo has its result"
            )
        time.sleep(0.05)


def last_arrival(results: Any, prefix: str, missing: set[str]) -> float:
    """Monotonic seconds at which the last of the missing photos' results was announced."""
    last = time.monotonic()
    while missing:
        message = results.get_message(timeout=1.0)
        channel = message["channel"].removeprefix(f"{prefix}:") if message else ""
        if channel in missing:
            missing.remove(channel)
            last = time.monotonic()
        if time.monotonic() - last > SILENCE:
            raise LostError(
                f"{len(missing)} photos of {prefix} have no result after {SILENCE:.0f} s of silence"
            )
    return last


def _stored(rig: Rig, one: Contestant, ids: list[str]) -> list[str]:
    return [str(text) for text in rig.redis.mget([f"{one.prefix}:{i}" for i in ids])]


def _used(rig: Rig, one: Contestant) -> tuple[float, float, float]:
    """CPU seconds so far of the contestant, of the services, and of all programs but the bench itself."""
    return one.cpu(), cpu_seconds(rig.services), busy_seconds() - cpu_seconds([psutil.Process()])
