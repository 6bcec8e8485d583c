"""The aims of the door. They were set before anything was measured."""

from collections.abc import Iterator, Mapping
from typing import Any

from bench.aims import Aim
from bench.door.page_cost import RATE
from bench.door.race import CPU_AT
from bench.door.servers import BOTH, DOOR
from docs.tools.table import Table

RATIO, SHARE_OF_MOSEC = 1.0, 0.5
BEYOND_MS, P99_MS = 1.0, 1000.0
PAGE = 2.0  # % of a core
TIMES = "{:.2f} ×"
COLUMNS = ("target", "aim", "the door", "", "with Redis")


def table(part: Mapping[str, Any]) -> Table:
    """Write the aims as a table; the door that keeps nothing, as its rivals, decides."""
    ours, kept = aims(part, DOOR), aims(part, BOTH)
    rows = [(*one.row, beside.row[2]) for one, beside in zip(ours, kept, strict=True)]
    return Table("Targets", COLUMNS, [*rows, (*page_aim(part).row, "")])


def aims(part: Mapping[str, Any], name: str) -> Iterator[Aim]:
    """Compare one of our doors, DOOR or BOTH, with the aims."""
    rows = part["clients"]
    for clients, row in rows.items():
        what = f"throughput ÷ the best rival's, {_clients(clients)}"
        yield Aim(what, row[f"{name}_to_best"], "≥", RATIO, TIMES)
    for clients, row in rows.items():
        what = f"p99 ÷ the least of the rivals', {_clients(clients)}"
        yield Aim(what, row[f"{name}_p99_to_least"], "<", RATIO, TIMES)
    most = list(rows)[-1]
    what = f"memory ÷ Mosec's, {_clients(most)}"
    yield Aim(what, rows[most][f"{name}_memory_to_mosec"], "≤", SHARE_OF_MOSEC, TIMES)
    what = f"CPU beyond decoding and inference, a photo, {CPU_AT} clients"
    yield Aim(what, rows[str(CPU_AT)][f"{name}_beyond_cpu_ms"], "≤", BEYOND_MS, "{:.2f} ms")
    what = "p99 at 80 % of what it answers at best"
    yield Aim(what, part["open"][f"{name}_p99_ms"], "<", P99_MS, "{:,.0f} ms")


def page_aim(part: Mapping[str, Any]) -> Aim:
    """Compare what the page costs with its aim."""
    what = f"CPU of the page, {RATE} photos/s, 3 viewers"
    return Aim(what, part["page"]["turns"]["3 viewers"], "≤", PAGE, "{:.1f} % of a core")


def _clients(number: str) -> str:
    return "1 client" if number == "1" else f"{number} clients"
