"""PUT to result: single photos, several loads, the original benchmark, and late notifications."""

import os
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from bench.latency import notifications
from bench.latency.arrivals import poisson
from bench.latency.capacity import measure_capacity
from bench.latency.listener import Listener
from bench.latency.sending import at_moments, by_crew
from bench.latency.series import MIX, Series, draw_photos
from bench.latency.summary import mean_steps, summary
from bench.photos import as_upload, jpegs
from bench.processes import LostError
from bench.rig import CORES, WORKERS, BenchRig
from worker import settings
from worker.client import Client

LOADS = (0.3, 0.6, 0.8, 0.95)  # of the capacity
UPLOADERS = 10  # of the original benchmark
SEED = 1
SINGLE, SINGLE_WARM_UP = 100, 5  # photos
PERIOD = 0.25  # seconds from one single photo to the next
HEARD_WITHIN = 30.0  # seconds until a single photo counts as lost

Tell = Callable[[str], None]


def steps() -> int:
    """How many times `measure` reports progress."""
    return 3 + len(LOADS) + notifications.STEPS


def measure(rig: BenchRig, seconds: float, objects: int, tell: Tell) -> dict[str, Any]:
    """Measure each load for `seconds`, the original benchmark with `objects`. Raises LostError."""
    photos = draw_photos(SEED)
    tell(f"capacity, {' and '.join(MIX)} mixed, uploads included")
    most = measure_capacity(rig, photos)
    tell("one photo at a time")
    single = measure_singles(Client(settings.load(os.environ)), jpegs("small"))
    loads = dict[str, Any]()
    for share in LOADS:
        tell(f"{share:.0%} of {most:.0f} photos/s, {seconds:g} s")
        loads[f"{share:g}"] = measure_load(rig, photos, share * most, seconds)
    tell(f"{objects} objects, {UPLOADERS} uploaders")
    crew = measure_original(rig, jpegs("small"), objects)
    late = notifications.measure(rig, photos, LOADS[0] * most, seconds, tell)
    return {
        "mix": list(MIX),
        "capacity_per_s": most,
        "one_at_a_time": single,
        "loads": loads,
        "original": crew,
        "notifications": late,
    }


def measure_load(rig: BenchRig, photos: list[bytes], rate: float, seconds: float) -> dict[str, Any]:
    """Send photos at random, `rate` a second; a photo's time counts from when it was due."""
    series, moments = Series(f"load {rate}", photos), poisson(rate, seconds, SEED)
    ids = [series.image_id(number) for number in range(len(moments))]
    with Listener(rig.redis) as listener:
        before, start = rig.read_cpu(), time.monotonic()
        due, begun = at_moments(moments, series.put)
        heard = listener.first(ids)
        others, took = rig.read_cpu()[2] - before[2], time.monotonic() - start
    rig.remove(WORKERS, ids)
    seen = [heard[i].at - since for i, since in zip(ids, due, strict=True)]
    late = [then - moment for then, moment in zip(begun, due, strict=True)]
    return {
        "photos": len(ids),
        "offered_per_s": rate,
        **summary(seen),
        "sent_late_p99_ms": summary(late)["p99_ms"],
        "cores_taken": max(0.0, others) / (took * CORES),
        "steps_mean": mean_steps([heard[i].timings() for i in ids], [1000 * one for one in seen]),
    }


def measure_original(rig: BenchRig, photos: list[bytes], objects: int) -> dict[str, Any]:
    """Send photos by UPLOADERS, each one PUT after the other; a photo's time starts with its PUT."""
    series = Series("original", photos)
    ids = [series.image_id(number) for number in range(objects)]
    with Listener(rig.redis) as listener:
        begun = by_crew(UPLOADERS, lambda number: number < objects, series.put)
        uploaded = time.monotonic()
        heard = listener.first(ids)
    rig.remove(WORKERS, ids)
    seen = [heard[series.image_id(number)].at - since for number, since in begun.items()]
    return {
        "photos": objects,
        "uploaders": UPLOADERS,
        **summary(seen),
        "uploads_per_s": objects / (uploaded - begun[0]),
        "photos_per_s": objects / (max(one.at for one in heard.values()) - begun[0]),
        "steps_mean": mean_steps([heard[i].timings() for i in ids], [1000 * one for one in seen]),
    }


def measure_singles(client: Client, photos: list[bytes]) -> dict[str, Any]:
    """Send small photos, a few a second, and wait for each result with the worker's client."""
    some = [as_upload(photos[n % len(photos)], f"single {n}") for n in range(SINGLE_WARM_UP + SINGLE)]
    taken = [_send_one(client, photo) for photo in some]
    seen = [seconds for seconds, _ in taken[SINGLE_WARM_UP:]]
    timings = [steps for _, steps in taken[SINGLE_WARM_UP:]]
    work = [steps["decode"] + steps["infer"] for steps in timings]
    # The worker cannot know of a photo before SQS has its message.
    own = [steps["total"] - steps["notify"] for steps in timings]
    return {
        "photos": SINGLE,
        **summary(seen),
        "steps_p50": {step: statistics.median(steps[step] for steps in timings) for step in timings[0]},
        "steps_mean": mean_steps(timings, [1000 * one for one in seen]),
        "beyond_work_p50_ms": statistics.median(1000 * s - w for s, w in zip(seen, work, strict=True)),
        "overhead_p50_ms": statistics.median(o - w for o, w in zip(own, work, strict=True)),
    }


def _send_one(client: Client, photo: bytes) -> tuple[float, Mapping[str, float]]:
    """Send a photo; return the seconds to its result, and the worker's timings, after the PERIOD."""
    begun = time.monotonic()
    try:
        result = client.wait(client.upload(photo, ".jpg"), HEARD_WITHIN)
    except TimeoutError as error:
        raise LostError(str(error)) from None
    taken = time.monotonic() - begun
    time.sleep(max(0.0, PERIOD - taken))
    return taken, result.timings_ms
