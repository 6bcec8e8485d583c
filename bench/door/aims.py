"""The aims of the door and their results. They were set before anything was measured."""

from collections.abc import Iterator, Mapping
from typing import Any

from bench.door.page_cost import RATE
from bench.door.race import CPU_AT
from bench.door.servers import BOTH, DOOR
from docs.tools.table import Table

RATIO, SHARE_OF_MOSEC = 1.0, 0.5
BEYOND_MS, P99_MS = 1.0, 1000.0
PAGE = 2.0  # % of a core


def aims(part: Mapping[str, Any]) -> Table:
    """Return the table of aims and results; the door that keeps nothing, as its rivals, decides."""
    columns = ("target", "aim", "the door", "", "with Redis")
    return Table("Targets", columns, list(_rows(part)))


def _rows(part: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    rows = part["clients"]
    for clients, row in rows.items():
        ours, kept = (row[f"{name}_to_best"] for name in (DOOR, BOTH))
        what = f"throughput ÷ the best rival's, {_clients(clients)}"
        yield what, f"≥ {RATIO:g} ×", f"{ours:.2f} ×", _met(ours >= RATIO), f"{kept:.2f} ×"
    for clients, row in rows.items():
        ours, kept = (row[f"{name}_p99_to_least"] for name in (DOOR, BOTH))
        what = f"p99 ÷ the least of the rivals', {_clients(clients)}"
        yield what, f"< {RATIO:g} ×", f"{ours:.2f} ×", _met(ours < RATIO), f"{kept:.2f} ×"
    most = list(rows)[-1]
    ours, kept = (rows[most][f"{name}_memory_to_mosec"] for name in (DOOR, BOTH))
    what = f"memory ÷ Mosec's, {_clients(most)}"
    yield what, f"≤ {SHARE_OF_MOSEC:g} ×", f"{ours:.2f} ×", _met(ours <= SHARE_OF_MOSEC), f"{kept:.2f} ×"
    ours, kept = (rows[str(CPU_AT)][f"{name}_beyond_cpu_ms"] for name in (DOOR, BOTH))
    what = f"CPU beyond decoding and inference, a photo, {CPU_AT} clients"
    yield what, f"≤ {BEYOND_MS:g} ms", f"{ours:.2f} ms", _met(ours <= BEYOND_MS), f"{kept:.2f} ms"
    ours, kept = (part["open"][f"{name}_p99_ms"] for name in (DOOR, BOTH))
    what = "p99 at 80 % of what it answers at best"
    yield what, f"< {P99_MS:,.0f} ms", f"{ours:,.0f} ms", _met(ours < P99_MS), f"{kept:,.0f} ms"
    ours = part["page"]["turns"]["3 viewers"]
    what = f"CPU of the page, {RATE} photos/s, 3 viewers"
    yield what, f"≤ {PAGE:g} % of a core", f"{ours:.1f} %", _met(ours <= PAGE), ""


def _clients(number: str) -> str:
    return "1 client" if number == "1" else f"{number} clients"


def _met(is_so: bool) -> str:
    return "met" if is_so else "MISSED"
