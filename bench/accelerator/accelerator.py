"""How many photos a second the worker feeds to a simulated accelerator, and where that ends; without LocalStack."""

from collections.abc import Callable
from typing import Any

from bench.accelerator.device import CALL, PHOTO
from bench.accelerator.feeding import READY
from bench.accelerator.profiles import profile
from bench.processes import answer_of

RUNS = {  # column → kind of photo, threads that take turns at the device
    "ready": (READY, 1),
    "ready, 2 replicas": (READY, 2),
    "small": ("small", 1),
}
PROFILED = ("ready", "small")
STEPS = len(RUNS) + len(PROFILED)  # how often `measure` tells
WITHIN = 90.0  # seconds of one run
FEEDING = "bench.accelerator.feeding"


def measure(tell: Callable[[str], None]) -> dict[str, Any]:
    """Each run by itself, for the figures; those of PROFILED once more under a profiler, which slows them."""
    measured = dict[str, Any]()
    for name, (kind, replicas) in RUNS.items():
        tell(f"simulated accelerator, {name}")
        measured[name] = answer_of(FEEDING, kind, str(replicas), within=WITHIN)
    for name in PROFILED:
        tell(f"simulated accelerator, {name}, profiled")
        kind, replicas = RUNS[name]
        measured[name]["profile"] = profile(FEEDING, kind, str(replicas), within=WITHIN)
    return {"call_ms": 1000 * CALL, "photo_ms": 1000 * PHOTO, "kinds": measured}
