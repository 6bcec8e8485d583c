"""The project's targets, and whether a run of the bench met them: computed, never typed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Aim:
    """A measurement (`path`: its names from the root), its bound, and its unit."""

    what: str
    path: tuple[str, ...]
    least: float | None = None
    most: float | None = None
    unit: str = "%"


@dataclass(frozen=True, slots=True)
class Target:
    """An aim and its result, as text."""

    what: str
    aim: str
    shown: str
    met: bool | None  # None: its part ran without measuring it

    @property
    def verdict(self) -> str:
        """The result in a word or two."""
        return "not measured" if self.met is None else "met" if self.met else "MISSED"


LIMITS = {"12 MP": 0.95, "3 MP": 0.95, "small": 0.90}


def _of_limit(row: str, how: str) -> tuple[Aim, ...]:
    return tuple(
        Aim(f"throughput ÷ limit, {how}, {kind}", ("throughput", "throughput", kind, row), least=least)
        for kind, least in LIMITS.items()
    )


def _of(rival: str, called: str, least: float) -> tuple[Aim, ...]:
    return tuple(
        Aim(
            f"throughput ÷ {called}, {kind}",
            ("throughput", "throughput", kind, f"worker_to_{rival}"),
            least=least,
            unit="×",
        )
        for kind in LIMITS
    )


AIMS = (
    *_of_limit("memory_to_limit", "photos in memory"),
    *_of_limit("worker_to_limit_with_services", "LocalStack"),
    *_of("plain", "plain loop", 5),
    *_of("celery", "Celery", 1),
    *_of("server", "batch server", 1),
    Aim("growth of memory", ("throughput", "memory", "growth"), most=0.05),
    Aim("PUT to result at 80 % load, p99", ("latency", "loads", "0.8", "p99_ms"), most=1000, unit="ms"),
    Aim(
        "overhead at low load beyond decode and inference, median",
        ("latency", "one_at_a_time", "overhead_p50_ms"),
        most=15,
        unit="ms",
    ),
    Aim(
        "PUT to result with a slow notification and a direct request, p99",
        ("latency", "notifications", "direct_request", "p99_ms"),
        most=1000,
        unit="ms",
    ),
    Aim(
        "photos scored twice, with two messages each",
        ("latency", "notifications", "direct_request", "scored_again"),
        most=0,
        unit="photos",
    ),
)


def targets(measured: Mapping[str, Any]) -> list[Target]:
    """Compare the aims of the parts that ran with their measurements."""
    return [_compare(aim, _find(measured, aim.path)) for aim in AIMS if aim.path[0] in measured]


def _compare(aim: Aim, value: float | None) -> Target:
    sign, bound = ("≥", aim.least) if aim.least is not None else ("≤", aim.most or 0.0)
    shown = f"{sign} {_format(bound, aim.unit)}"
    if value is None:
        return Target(aim.what, shown, "–", None)
    met = (aim.least is None or value >= aim.least) and (aim.most is None or value <= aim.most)
    return Target(aim.what, shown, _format(value, aim.unit), met)


def _find(measured: Any, path: tuple[str, ...]) -> float | None:
    for name in path:
        if not isinstance(measured, Mapping) or name not in measured:
            return None
        measured = measured[name]
    return float(measured)


def _format(value: float, unit: str) -> str:
    return f"{value:.1%}" if unit == "%" else f"{value:.1f}".removesuffix(".0") + f" {unit}"
