"""A burst of photos through the worker, and the same through the plain loop; no photo may get lost."""

import signal
import time
from typing import Any

from tests.bench.processes import LostError, answer_of
from tests.bench.rig import CORES, MODEL, PLAIN, WORKERS, Rig

SILENCE = 30.0  # seconds without a result, or with a message that is not deleted, after which photos are lost
START_UP, SLOWEST = 120.0, 2.0  # seconds, and seconds a photo; the plain loop is given up when it needs more


def burst(rig: Rig, kind: str, round_number: int, photos: list[bytes], count: int) -> dict[str, float]:
    """Let the worker find `count` photos waiting: photos/s, CPU milliseconds per photo, shares of the cores.

    The clock runs from the moment the worker may go on to the last result. Any later start would give it photos
    for nothing: up to two queues full of them are fetched and decoded before the first result.
    Raises LostError unless each photo has a score and the queue is empty in the end.
    """
    rig.worker.send_signal(signal.SIGSTOP)
    ids = rig.upload(WORKERS, kind, round_number, photos, count)
    before = rig.used()
    with rig.redis.pubsub() as results:
        results.psubscribe("result:*")
        results.get_message(timeout=SILENCE)  # Redis's confirmation
        begun = time.monotonic()
        rig.worker.send_signal(signal.SIGCONT)
        took = _last_arrival(results, set(ids)) - begun
    worker, services, others = (now - then for now, then in zip(rig.used(), before, strict=True))
    _check_settled(rig, ids)
    rig.remove(WORKERS, ids)
    return {
        "photos_per_s": count / took,
        "worker_cpu_ms": worker * 1000 / count,
        "services_cpu_ms": services * 1000 / count,
        "cores_busy": (worker + services) / (took * CORES),
        "cores_taken": max(0.0, others) / (took * CORES),
    }


def plain_loop(rig: Rig, kind: str, round_number: int, photos: list[bytes], count: int) -> dict[str, float]:
    """Run the plain loop while the worker idles: photos/s, CPU, memory, share of scores that are the worker's."""
    ids = rig.upload(PLAIN, kind, round_number, photos, count)
    within = START_UP + SLOWEST * count
    said: dict[str, float] = answer_of(
        "tests.bench.plain_loop", rig.plain_queue, str(MODEL / "1"), str(count), within=within
    )
    rig.remove(PLAIN, ids)
    pairs = [(rig.redis.get(f"result:{i}"), rig.redis.get(f"plain:{i}")) for i in ids]
    return {
        **said,
        "same_score": sum(f'"score":{plain},' in str(result) for result, plain in pairs) / count,
    }


def _check_settled(rig: Rig, ids: list[str]) -> None:
    stored = rig.redis.mget([f"result:{i}" for i in ids])
    failed = sum('"status":"failed"' in str(result) for result in stored)
    if failed:
        raise LostError(f"{failed} of {len(ids)} photos came out as failed")
    deadline = time.monotonic() + SILENCE
    while left := rig.left():
        if time.monotonic() > deadline:
            raise LostError(f"{left} messages were not deleted though every photo has its result")
        time.sleep(0.05)


def _last_arrival(results: Any, missing: set[str]) -> float:
    """Monotonic seconds at which the last of the missing photos' results was announced."""
    last = time.monotonic()
    while missing:
        message = results.get_message(timeout=1.0)
        channel = message["channel"].removeprefix("result:") if message else ""
        if channel in missing:
            missing.remove(channel)
            last = time.monotonic()
        if time.monotonic() - last > SILENCE:
            raise LostError(f"{len(missing)} photos have no result after {SILENCE:.0f} s of silence")
    return last
