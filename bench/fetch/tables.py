"""What a fetch costs as a table, and its aim."""

from collections.abc import Iterator, Mapping
from typing import Any

from bench.aims import Aim
from bench.fetch.ways import BOTO3, BY_URL, HASH, WORKER
from docs.tools.table import Table

MOST = 0.5  # of what a signed URL and urllib3 cost, for a small photo
TITLE = "One GET with SHA-256, CPU ms: median (minimum–maximum) of the rounds"


def fetch(part: Mapping[str, Any]) -> Table:
    """Return the table of ways to fetch."""
    rows = [
        (f"{kind}, {protocol}", *(_shown(row[way]) for way in (WORKER, BY_URL, BOTO3, HASH)), *_ratios(row))
        for protocol, of_protocol in part.items()
        for kind, row in of_protocol.items()
    ]
    columns = ("", WORKER, BY_URL, BOTO3, HASH, f"{WORKER} ÷ {BY_URL}", "the same without SHA-256")
    return Table(TITLE, columns, rows)


def aims(part: Mapping[str, Any]) -> Iterator[Aim]:
    """Yield the aim of each protocol."""
    for protocol, row in part.items():
        what = f"CPU of fetching a small photo by {protocol} ÷ by a {BY_URL}"
        yield Aim(what, _ratio(row["small"]), "<", MOST, "{:.2f}")


def _shown(figures: Mapping[str, float]) -> str:
    return f"{figures['cpu_ms']:.2f} ({figures['least_ms']:.2f}–{figures['most_ms']:.2f})"


def _ratios(row: Mapping[str, Any]) -> tuple[str, str]:
    return f"{_ratio(row):.2f}", f"{_ratio(row, row[HASH]['cpu_ms']):.2f}"


def _ratio(row: Mapping[str, Any], less: float = 0.0) -> float:
    return float((row[WORKER]["cpu_ms"] - less) / (row[BY_URL]["cpu_ms"] - less))
