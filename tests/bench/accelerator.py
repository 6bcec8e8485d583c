"""How many photos a second the worker feeds to a simulated accelerator, and where that ends; without LocalStack."""

from collections.abc import Callable
from typing import Any

from tests.bench.device import CALL, PHOTO
from tests.bench.feeding import READY
from tests.bench.processes import answer_of
from tests.bench.profiles import profile

KINDS = (READY, "small")
STEPS = 2 * len(KINDS)  # how often `measure` tells
WITHIN = 90.0  # seconds of one run
FEEDING = "tests.bench.feeding"


def measure(tell: Callable[[str], None]) -> dict[str, Any]:
    """Each kind of photo once by itself, for the figures, and once under a profiler, which slows it."""
    measured = dict[str, Any]()
    for kind in KINDS:
        tell(f"simulated accelerator, {kind}")
        figures = answer_of(FEEDING, kind, within=WITHIN)
        tell(f"simulated accelerator, {kind}, profiled")
        measured[kind] = {**figures, "profile": profile(FEEDING, kind, within=WITHIN)}
    return {"call_ms": 1000 * CALL, "photo_ms": 1000 * PHOTO, "kinds": measured}
