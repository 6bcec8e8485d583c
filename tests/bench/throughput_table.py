"""The throughput of worker, limits and rivals as one table: a row a number, a column a kind of photo; and crews."""

from collections.abc import Mapping
from typing import Any

from tests.bench.table import Table
from tests.bench.throughput import ROWS


def throughput(measured: Mapping[str, Any]) -> Table:
    """Rows that this run did not measure are left out."""
    found = measured["throughput"]
    kinds, options = found["every_round"], measured["options"]
    title = (
        f"Median (least–most) of {options['rounds']} rounds, {options['photos']} photos each, "
        f"{measured['machine']['cores']} cores"
    )
    rows = [
        (label, *(_spread(name, found["throughput"][kind], of_kind) for kind, of_kind in kinds.items()), unit)
        for name, (label, unit) in ROWS.items()
        if any(name in found["throughput"][kind] for kind in kinds)
    ]
    rows.append(
        ("most memory of the worker", f"{found['worker_peak_memory_mb']:.0f}", *[""] * (len(kinds) - 1), "MB")
    )
    return Table(title, ("", *kinds, ""), rows)


def _spread(name: str, medians: Mapping[str, float], rounds: list[dict[str, float]]) -> str:
    if name not in medians:
        return ""
    median, values = medians[name], [row[name] for row in rounds]
    digits = 2 if median < 10 else 0 if median >= 1000 else 1
    return f"{median:.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"
