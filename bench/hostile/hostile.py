"""Good photos at a steady rate, alone and among photos that cost too much: their latency."""

from collections.abc import Callable
from typing import Any

from bench.hostile import photos
from bench.latency.arrivals import poisson
from bench.latency.listener import Listener
from bench.latency.sending import at_moments
from bench.latency.series import Series
from bench.latency.summary import summary
from bench.photos import jpegs
from bench.rig import CORES, WORKERS, BenchRig

GOOD, BOMBS = 20.0, 10.0  # photos a second
SEED, SEED_OF_BOMBS = 1, 2
STEPS = 2

Tell = Callable[[str], None]


def measure(rig: BenchRig, seconds: float, tell: Tell) -> dict[str, Any]:
    """Send both kinds for `seconds`, the good ones alone first. Raises LostError for a good one without a score."""
    tell(f"{GOOD:g} good photos/s, {seconds:g} s")
    alone = measure_load(rig, seconds, bombs=0)
    tell(f"the same, among {BOMBS:g} photos/s that cost too much")
    among = measure_load(rig, seconds, bombs=BOMBS)
    return {"seconds": seconds, "good_per_s": GOOD, "bombs_per_s": BOMBS, "alone": alone, "among": among}


def measure_load(rig: BenchRig, seconds: float, bombs: float) -> dict[str, Any]:
    """Send photos at random moments; the time of a good one counts from when it was due."""
    good = Series(f"good {bombs}", jpegs("small"))
    bad = Series("bombs", [make() for make in MADE.values()])
    moments = poisson(GOOD, seconds, SEED)
    schedule = sorted(
        [(at, good, n) for n, at in enumerate(moments)]
        + [(at, bad, n) for n, at in enumerate(poisson(bombs, seconds, SEED_OF_BOMBS) if bombs else [])],
        key=lambda one: one[0],
    )
    ids = [good.image_id(number) for number in range(len(moments))]
    bad_ids = [bad.image_id(number) for number in range(len(schedule) - len(moments))]
    with Listener(rig.redis) as listener:
        before = rig.read_cpu()
        due, _ = at_moments([at for at, _, _ in schedule], lambda n: schedule[n][1].put(schedule[n][2]))
        heard = listener.first(ids)
        failed = listener.wait(bad_ids)
        after = rig.read_cpu()
    rig.remove(WORKERS, [*ids, *bad_ids])
    since = {n: at for (_, series, n), at in zip(schedule, due, strict=True) if series is good}
    seen = [heard[image_id].at - since[n] for n, image_id in enumerate(ids)]
    return {
        "good": len(ids),
        "bombs": len(bad_ids),
        "bombs_failed": sum('"status":"failed"' in one.text for one in failed.values()),
        **summary(seen),
        "cores_taken": max(0.0, after[2] - before[2]) / (seconds * CORES),
    }


MADE: dict[str, Callable[[], bytes]] = {
    "scans": lambda: photos.many_scans(4_000, 15_000),
    "slow scans": lambda: photos.many_scans(6_000, 98),  # 99 with the first one; 101 are refused
    "segments": lambda: photos.many_segments(30_000),
    "comment": lambda: photos.gif_comment(600_000),
    "false size": lambda: photos.false_size("AVIF", 8_000),
}
