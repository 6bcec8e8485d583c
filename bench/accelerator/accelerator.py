"""How many photos a second the worker feeds to a simulated accelerator, and what limits it."""

from collections.abc import Callable
from typing import Any

from bench.accelerator import whole_path
from bench.accelerator.device import CALL, PHOTO
from bench.accelerator.feeding import CHEAP, READY
from bench.accelerator.profiles import profile
from bench.processes import ask_module

RUNS = {  # column → kind of photo, threads that take turns at the device
    "ready": (READY, 1),
    "ready, 2 replicas": (READY, 2),
    "small, cheap to decode": (CHEAP, 1),
    "small": ("small", 1),
}
PROFILED = ("ready", "small")
WITHIN = 90.0  # seconds that a run may take
FEEDING = "bench.accelerator.feeding"


def steps(rounds: int) -> int:
    """How many times `measure` and `whole_path.measure` report progress."""
    return len(RUNS) + len(PROFILED) + whole_path.steps(rounds)


def measure(tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure each run by itself; repeat those of PROFILED under a profiler, which is slower."""
    measured = dict[str, Any]()
    for name, (kind, replicas) in RUNS.items():
        tell(f"simulated accelerator, {name}")
        measured[name] = ask_module(FEEDING, kind, str(replicas), within=WITHIN)
    for name in PROFILED:
        tell(f"simulated accelerator, {name}, profiled")
        kind, replicas = RUNS[name]
        measured[name]["profile"] = profile(FEEDING, kind, str(replicas), within=WITHIN)
    return {"call_ms": 1000 * CALL, "photo_ms": 1000 * PHOTO, "kinds": measured}
