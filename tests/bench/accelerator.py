"""How many photos a second the worker feeds to a simulated accelerator, and where that ends; without LocalStack."""

from collections.abc import Callable
from typing import Any

from tests.bench.device import CALL, PHOTO
from tests.bench.feeding import READY
from tests.bench.processes import answer_of
from tests.bench.profiles import profile

RUNS = {  # column → kind of photo, threads that take turns at the device
    "ready": (READY, 1),
    "ready, 2 replicas": (READY, 2),
    "small": ("small", 1),
}
STEPS = 2 * len(RUNS)  # how often `measure` tells
WITHIN = 90.0  # seconds of one run
FEEDING = "tests.bench.feeding"


def measure(tell: Callable[[str], None]) -> dict[str, Any]:
    """Each run once by itself, for the figures, and once under a profiler, which slows it."""
    measured = dict[str, Any]()
    for name, (kind, replicas) in RUNS.items():
        tell(f"simulated accelerator, {name}")
        figures = answer_of(FEEDING, kind, str(replicas), within=WITHIN)
        tell(f"simulated accelerator, {name}, profiled")
        measured[name] = {**figures, "profile": profile(FEEDING, kind, str(replicas), within=WITHIN)}
    return {"call_ms": 1000 * CALL, "photo_ms": 1000 * PHOTO, "kinds": measured}
