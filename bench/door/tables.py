"""The door as tables: beside other servers, at 80 % of capacity, and beside the queue."""

from collections.abc import Mapping
from typing import Any

from bench.door import aims
from bench.door.against_queue import WAYS
from bench.door.page_cost import OFF, RATE, TURNS
from bench.door.race import CPU_AT
from bench.door.servers import BOTH, DOOR, LABELS, RIVALS
from docs.tools.table import Table

SHOWN = ("p50_ms", "p99_ms")
COSTS = {  # measurement → head and format
    "cpu_ms": ("CPU ms a photo", "{:.1f}"),
    "beyond_cpu_ms": ("beyond decoding and inference", "{:+.1f}"),
    "memory_mb": ("memory MB", "{:,.0f}"),
    "peak_memory_mb": ("most memory MB", "{:,.0f}"),
    "client_cpu_ms": ("CPU ms of the client", "{:.2f}"),
    "refused": ("refused", "{:.0f}"),
}
CALLED = {"http": "by HTTP", "queue": "by S3 and the queue"}


def door(measured: Mapping[str, Any]) -> dict[str, list[Table]]:
    """Return the tables of the door, by section."""
    if "door" not in measured:
        return {}
    part = measured["door"]
    return {
        "door aims": [aims.table(part)],
        "servers": [_rates(part), _ratios(part), _latencies(part)],
        "costs": [_costs(part)],
        "open loop": [_open(part)],
        "both ways": [_ways(part["queue"])],
        "page": [_page(part["page"])],
    }


def _rates(part: Mapping[str, Any]) -> Table:
    rows = [
        (label, *(_spread(part, clients, f"{name}_per_s") for clients in part["clients"]))
        for name, label in LABELS.items()
    ]
    title = f"Photos a second by number of clients, median (minimum–maximum); photos of {part['photos_kb']:.0f} KB"
    return Table(title, ("", *part["clients"]), rows)


def _ratios(part: Mapping[str, Any]) -> Table:
    rows = [
        (
            f"{LABELS[ours]} ÷ {rival.label}",
            *(f"{row[f'{ours}_to_{rival.name}']:.2f}" for row in part["clients"].values()),
        )
        for ours in (DOOR, BOTH)
        for rival in RIVALS
    ]
    return Table("Throughput of the door ÷ that of each rival", ("", *part["clients"]), rows)


def _latencies(part: Mapping[str, Any]) -> Table:
    rows = [
        (label, *(" / ".join(_cuts(row, f"{name}_")) for row in part["clients"].values()))
        for name, label in LABELS.items()
    ]
    return Table("Milliseconds to the answer by number of clients, p50 / p99", ("", *part["clients"]), rows)


def _costs(part: Mapping[str, Any]) -> Table:
    row = part["clients"][str(CPU_AT)]
    rows = [
        (
            f"{label} {part['versions'].get(name, '')}".strip(),
            *(shape.format(row[f"{name}_{what}"]) for what, (_, shape) in COSTS.items()),
            f"{part['same_score'][name]:.0%}",
        )
        for name, label in LABELS.items()
    ]
    heads = (head for head, _ in COSTS.values())
    title = (
        f"What it costs at {CPU_AT} clients, on {part['engine']}; "
        f"decoding and inference alone take {row['parts_cpu_ms']:.1f} ms of CPU"
    )
    return Table(title, ("", *heads, "scores like the door's"), rows)


def _open(part: Mapping[str, Any]) -> Table:
    row = part["open"]
    rows = [
        (
            label,
            f"{row[f'{name}_offered_per_s']:.0f}",
            *_cuts(row, f"{name}_"),
            f"{row[f'{name}_under_1s']:.1%}",
            f"{row[f'{name}_refused']:.0f}",
            f"{row[f'{name}_sent_late_p99_ms']:.0f}",
        )
        for name, label in LABELS.items()
    ]
    columns = ("", "photos/s", "p50 ms", "p99 ms", "under 1 s", "refused", "sent late, p99 ms")
    return Table("At 80 % of what each answers at best, at random moments", columns, rows)


def _ways(cases: Mapping[str, Any]) -> Table:
    rows = [
        (
            case,
            f"{found['offered_per_s']:.0f}",
            *(cut for way in WAYS for cut in _cuts(found[way])),
            *_cost(found),
        )
        for case, found in cases.items()
    ]
    cuts = [f"{CALLED[way]}, {cut}" for way in WAYS for cut in ("p50 ms", "p99 ms")]
    columns = ("", "photos/s", *cuts, "the queue costs, p50 ms", "p99 ms")
    return Table("One worker, both ways", columns, rows)


def _page(part: Mapping[str, Any]) -> Table:
    rows = [
        (f"with the page, {name}", *_shares(part, name), f"{part['turns'][name] * 1000 * 10 / RATE:+.0f}")
        for name in TURNS
        if name != OFF
    ]
    rows.insert(0, ("without the page", *_shares(part, OFF), ""))
    title = (
        f"The worker's own process at {RATE} photos/s; "
        f"making a frame holds up the door's loop for {part['frame_ms']:.1f} ms at most"
    )
    return Table(title, ("", "CPU, % of a core", "minimum–maximum", "µs a photo"), rows)


def _shares(part: Mapping[str, Any], name: str) -> tuple[str, str]:
    """Return a share of a core and its spread; that without the page is no difference."""
    shape = "{:.1f}" if name == OFF else "{:+.1f}"
    least, most = part["spread"][name]
    return shape.format(part["turns"][name]), f"{shape.format(least)} – {shape.format(most)}"


def _cost(found: Mapping[str, Mapping[str, float]]) -> list[str]:
    return [f"{found['queue'][cut] - found['http'][cut]:+,.0f}" for cut in SHOWN]


def _cuts(row: Mapping[str, float], prefix: str = "") -> tuple[str, ...]:
    return tuple(f"{row[f'{prefix}{cut}']:,.0f}" for cut in SHOWN)


def _spread(part: Mapping[str, Any], clients: str, name: str) -> str:
    least, most = part["spread"][clients][name]
    return f"{part['clients'][clients][name]:.1f} ({least:.1f}–{most:.1f})"
