"""The aims of speed and memory."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bench.aims import Aim
from bench.fetch import tables as fetch
from bench.formats import tables as formats
from bench.sizing.tables import by_size

KINDS = ("12 MP", "3 MP", "small")
IN_MEMORY = dict.fromkeys(KINDS, 0.95)  # throughput ÷ limit
CHARGED = {"12 MP": 0.95, "3 MP": 0.93, "small": 0.90}  # the same on LocalStack, services charged
RIVALS = {  # throughput ÷ that of each
    "plain": ("plain loop", dict.fromkeys(KINDS, 5.0)),
    "celery": ("Celery", {"12 MP": 1.0, "3 MP": 1.6, "small": 1.7}),
    "server": ("Mosec", dict.fromkeys(KINDS, 1.1)),
}
P99_MS = {"0.8": ("≤", 600.0), "0.95": ("<", 1000.0)}  # by load
STARTS = {  # case, measurement → what it is called, the aim, and how both are written
    ("second", "cpu_s"): ("second start of a model, CPU", 2.0, "{:.1f} s"),
    ("second", "seconds"): ("second start of a model, until it polls", 2.5, "{:.1f} s"),
    ("first", "seconds"): ("first start of a model, until it polls", 8.0, "{:.1f} s"),
    ("second", "main_mb"): ("memory of the main process after a second start", 300.0, "{:.0f} MB"),
}
MAIN_CPU_MS = 0.6  # a small photo, beside a simulated accelerator
CEILING = 1500.0  # photos/s

Part = Mapping[str, Any]


def targets(measured: Part) -> list[Aim]:
    """Compare the parts that ran with their aims."""
    return [aim for part, aims in PARTS.items() if part in measured for aim in aims(measured[part])]


def _throughput(part: Part) -> Iterator[Aim]:
    for row, how, bounds in (
        ("memory_to_limit", "photos in memory", IN_MEMORY),
        ("worker_to_limit_with_services", "LocalStack, services charged", CHARGED),
    ):
        for kind, bound in bounds.items():
            value = _find(part, "throughput", kind, row)
            yield Aim(f"throughput ÷ limit, {how}, {kind}", value, "≥", bound, "{:.1%}")
    for name, (called, bounds) in RIVALS.items():
        for kind, bound in bounds.items():
            value = _find(part, "throughput", kind, f"worker_to_{name}")
            yield Aim(f"throughput ÷ {called}, {kind}", value, "≥", bound, "{:.2f} ×")
    memory = part["memory"]
    what = f"memory after {memory['late_photos']:,} photos ÷ after {memory['early_photos']:,}"
    yield Aim(what, memory["late_mb"] / memory["early_mb"], "≤", 1.02, "{:.3f}")


def _latency(part: Part) -> Iterator[Aim]:
    for load, (sign, most) in P99_MS.items():
        value = _find(part, "loads", load, "p99_ms")
        yield Aim(f"PUT to result at {float(load):.0%} load, p99", value, sign, most, "{:,.0f} ms")
    what = "overhead at low load beyond decode and inference, median"
    yield Aim(what, _find(part, "one_at_a_time", "overhead_p50_ms"), "≤", 8, "{:.1f} ms")
    direct = part["notifications"]["direct_request"]
    what = "PUT to result with a slow notification and a direct request, p99"
    yield Aim(what, direct["p99_ms"], "≤", 1000, "{:,.0f} ms")
    what = "photos scored twice, with two messages each"
    yield Aim(what, direct["scored_again"], "≤", 0, "{:.0f} photos")


def _starts(part: Part) -> Iterator[Aim]:
    for (case, name), (what, most, shape) in STARTS.items():
        yield Aim(what, _find(part, "median", case, name), "≤", most, shape)


def _accelerator(part: Part) -> Iterator[Aim]:
    main = _find(part, "kinds", "small", "main_cpu_ms")
    what = "CPU of the main process beside a simulated accelerator, a small photo in memory"
    yield Aim(what, main, "≤", MAIN_CPU_MS, "{:.2f} ms")
    ceiling = 1000 / by_size(part)["small"].main
    what = "ceiling of one worker with small photos from S3, reckoned from its main process"
    yield Aim(what, ceiling, "≥", CEILING, "{:,.0f} photos/s")


PARTS: Mapping[str, Callable[[Part], Iterator[Aim]]] = {
    "throughput": _throughput,
    "latency": _latency,
    "start": _starts,
    "accelerator": _accelerator,
    "fetch": fetch.aims,
    "queue_calls": fetch.aims_of_calls,
    "formats": formats.aims,
}


def _find(measured: Any, *path: str) -> float | None:
    for name in path:
        if not isinstance(measured, Mapping) or name not in measured:
            return None
        measured = measured[name]
    return float(measured)
