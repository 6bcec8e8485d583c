"""The same worker, the same photos at the same moments: by HTTP, and by S3, its queue and Redis."""

from collections.abc import Callable
from typing import Any

from bench import ratios
from bench.door.race import KIND, run_load
from bench.door.servers import OTHER, Server
from bench.latency.arrivals import poisson
from bench.latency.listener import Listener
from bench.latency.sending import at_moments
from bench.latency.series import Series
from bench.latency.summary import summary
from bench.photos import jpegs
from bench.processes import Conversation
from bench.rig import BenchRig

IDLE = 8.0  # photos a second, one at a time: each takes a third of that
LOADS = (0.3, 0.6)  # of what the door answers at best; by the queue, LocalStack needs the same cores
SEED = 4
WAYS = ("http", "queue")


def steps(rounds: int) -> int:
    """How many times `measure` reports progress."""
    return rounds * (1 + len(LOADS)) * len(WAYS)


def measure(
    rig: BenchRig,
    server: Server,
    client: Conversation,
    capacity: float,
    *,
    rounds: int,
    seconds: float,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Send photos both ways in turns, for `seconds` each; `capacity` in photos/s. Raises LostError."""
    rates = {"one at a time": IDLE, **{f"{share:.0%} load": share * capacity for share in LOADS}}
    found = dict[str, Any]()
    photos = jpegs(KIND)
    for case, rate in rates.items():
        rows: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for number in range(rounds):
            moments = even(rate, seconds) if rate == IDLE else poisson(rate, seconds, SEED + number)
            for way in WAYS if number % 2 == 0 else reversed(WAYS):
                tell(f"round {number + 1}, {case}, by {way}")
                rows[way].append(
                    run_load(client, server, {"moments": moments})
                    if way == "http"
                    else by_queue(rig, photos, moments, f"{case} {number}")
                )
        found[case] = {"offered_per_s": rate, **{way: ratios.medians(rows[way]) for way in WAYS}}
        found[case]["every_round"] = rows
    return found


def even(rate: float, seconds: float) -> list[float]:
    """List moments at equal distances, from 0, all before `seconds`."""
    return [number / rate for number in range(max(1, int(rate * seconds)))]


def by_queue(rig: BenchRig, photos: list[bytes], moments: list[float], name: str) -> dict[str, float]:
    """Put photos into S3 at these moments; their time ends when the announced result has arrived."""
    series = Series(f"both ways, {name}", photos, OTHER)
    ids = [series.image_id(number) for number in range(len(moments))]
    with Listener(rig.redis) as listener:
        due, _ = at_moments(moments, series.put)
        heard = listener.first(ids)
    rig.remove(OTHER, ids)
    return summary([heard[i].at - since for i, since in zip(ids, due, strict=True)])
