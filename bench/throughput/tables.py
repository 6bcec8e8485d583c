"""Throughput as tables: contestants by kind of photo, several workers on one queue, memory."""

from collections.abc import Iterator, Mapping
from typing import Any

from bench.rivals.rivals import RIVALS
from bench.throughput.throughput import ROWS
from docs.tools.table import Table


def throughput(measured: Mapping[str, Any]) -> Iterator[Table]:
    """Return all tables of throughput."""
    found = measured["throughput"]
    yield _contestants(measured, found)
    yield _runs(found["engine"])
    yield _crews(found["scale"])
    yield _memory(found["memory"])


def _contestants(measured: Mapping[str, Any], found: Mapping[str, Any]) -> Table:
    kinds, options = found["throughput"], measured["options"]
    title = (
        f"Median (minimum–maximum) of {options['rounds']} rounds, {options['photos']} small photos each, fewer of the "
        f"other sizes, {measured['machine']['cores']} cores"
    )
    rows = [
        (label, *(_spread(kinds[kind][name], *found["spread"][kind][name]) for kind in kinds), unit)
        for name, (label, unit) in ROWS.items()
    ]
    return Table(title, ("", *kinds, ""), rows)


def _runs(engine: str) -> Table:
    own = "its decoders, a process a core; the model a replica a core, batches of what is ready, up to 32"
    rows = [("worker", own), *((rival.label, rival.runs) for rival in RIVALS)]
    return Table(
        f"What each runs; the model is one and the same, on {engine}", ("", "decoding and model"), rows
    )


def _crews(crews: Mapping[str, Any]) -> Table:
    first = next(iter(crews.values()))["photos_per_s"]
    rows = [
        (
            size,
            f"{row['photos_per_s']:.1f}",
            f"{row['photos_per_s'] / first:.2f}",
            " + ".join(f"{share:.0%}" for share in row["shares"]),
            str(row["scored_twice"]),
        )
        for size, row in crews.items()
    ]
    columns = ("workers", "photos/s", "÷ one worker", "share of each", "scored twice")
    return Table("Several workers on one queue, all on the same cores", columns, rows)


def _memory(memory: Mapping[str, float]) -> Table:
    after = [f"{memory[name]:,} photos" for name in ("early_photos", "late_photos")]
    cells = (f"{memory['early_mb']:.0f} MB", f"{memory['late_mb']:.0f} MB", f"{memory['growth']:+.1%}")
    return Table("Resident memory of one worker", (*after, "growth"), [cells])


def _spread(median: float, least: float, most: float) -> str:
    digits = 2 if median < 10 else 0 if median >= 1000 else 1
    return f"{median:.{digits}f} ({least:.{digits}f}–{most:.{digits}f})"
