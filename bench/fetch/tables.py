"""What a fetch and a call of SQS cost as tables, and their aims."""

from collections.abc import Iterator, Mapping
from typing import Any

from bench.aims import Aim
from bench.fetch.queue_calls import MESSAGES
from bench.fetch.ways import BOTO3, BY_URL, HASH, WORKER
from docs.tools.table import Table

MOST = 0.5  # of what a signed URL and urllib3 cost, for a small photo; of boto3's calls of SQS
TITLE = "One GET with SHA-256, CPU ms: median (minimum–maximum) of the rounds"
CALLS_TITLE = f"One call of SQS for {MESSAGES} messages, CPU ms: median (minimum–maximum) of the rounds"


def fetch(part: Mapping[str, Any]) -> Table:
    """Return the table of ways to fetch."""
    rows = [
        (f"{kind}, {protocol}", *(_shown(row[way]) for way in (WORKER, BY_URL, BOTO3, HASH)), *_ratios(row))
        for protocol, of_protocol in part.items()
        for kind, row in of_protocol.items()
    ]
    columns = ("", WORKER, BY_URL, BOTO3, HASH, f"{WORKER} ÷ {BY_URL}", "the same without SHA-256")
    return Table(TITLE, columns, rows)


def calls(part: Mapping[str, Any]) -> Table:
    """Return the table of SQS's calls."""
    rows = [
        (f"{call}, {protocol}", _shown(row[WORKER]), _shown(row[BOTO3]), f"{_ratio(row, than=BOTO3):.2f}")
        for protocol, of_protocol in part.items()
        for call, row in of_protocol.items()
    ]
    return Table(CALLS_TITLE, ("", WORKER, BOTO3, f"{WORKER} ÷ {BOTO3}"), rows)


def aims_of_calls(part: Mapping[str, Any]) -> Iterator[Aim]:
    """Yield the aim of each call and protocol."""
    for protocol, of_protocol in part.items():
        for call, row in of_protocol.items():
            what = f"CPU of a {call} of {MESSAGES} messages by {protocol} ÷ by {BOTO3}"
            yield Aim(what, _ratio(row, than=BOTO3), "<", MOST, "{:.2f}")


def aims(part: Mapping[str, Any]) -> Iterator[Aim]:
    """Yield the aim of each protocol."""
    for protocol, row in part.items():
        what = f"CPU of fetching a small photo by {protocol} ÷ by a {BY_URL}"
        yield Aim(what, _ratio(row["small"]), "<", MOST, "{:.2f}")


def _shown(figures: Mapping[str, float]) -> str:
    return f"{figures['cpu_ms']:.2f} ({figures['least_ms']:.2f}–{figures['most_ms']:.2f})"


def _ratios(row: Mapping[str, Any]) -> tuple[str, str]:
    return f"{_ratio(row):.2f}", f"{_ratio(row, row[HASH]['cpu_ms']):.2f}"


def _ratio(row: Mapping[str, Any], less: float = 0.0, *, than: str = BY_URL) -> float:
    return float((row[WORKER]["cpu_ms"] - less) / (row[than]["cpu_ms"] - less))
