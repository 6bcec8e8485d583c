"""Shows dead letters and their reasons: tables for people, JSON lines for programs."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from worker.result import timestamp
from worker.upkeep.dead_letters import Finding, Letter
from worker.upkeep.remedies import ADVICE

Findings = Sequence[Finding]  # of one letter's records, the gravest first
WIDE = 200  # columns of a table that does not go to a terminal


def line(letter: Letter, findings: Findings) -> str:
    """Format a letter, its gravest reason and all its records as one JSON object."""
    gravest = findings[0]
    return json.dumps(
        {
            "message_id": letter.message_id,
            "sent_at": _time(letter.sent_at),
            "first_received_at": _time(letter.first_received_at),
            "receive_count": letter.receive_count,
            "from": letter.source,
            "code": gravest.code,
            "reason": gravest.reason,
            "remedy": gravest.remedy.name.lower(),
            "records": [_record(finding) for finding in findings],
        }
    )


def console() -> Console:
    """Open standard output, with wide lines if it is not a terminal."""
    out = Console(highlight=False)
    return out if out.is_terminal else Console(width=WIDE, highlight=False)


def letters(examined: Iterable[tuple[Letter, Findings]]) -> Table:
    """Make a table with a row per letter."""
    message = Column("message", no_wrap=True)  # people copy it
    table = Table("sent (UTC)", "receives", message, "photo", "why it is here", box=None, pad_edge=False)
    for letter, findings in examined:
        gravest, more = findings[0], len(findings) - 1
        why = f"{gravest.code}: {gravest.reason}" + (f" (and {more} more records)" if more else "")
        cells = [
            f"{letter.sent_at:%Y-%m-%d %H:%M}" if letter.sent_at else "?",
            str(letter.receive_count),
            letter.message_id,
            _photo(gravest),
            why,
        ]
        table.add_row(*(_plain(cell) for cell in cells))
    return table


def summary(examined: Iterable[tuple[Letter, Findings]]) -> Table:
    """Make a table with a row per reason: for how many letters it is the gravest, and what to do."""
    counts = Counter(findings[0].code for _, findings in examined)
    table = Table("letters", "reason", "what to do", box=None, pad_edge=False)
    for code, count in counts.most_common():
        table.add_row(str(count), code, Text(ADVICE[code][1]))
    return table


def say(text: str) -> None:
    """Print a line to standard error."""
    print(f"worker dead-letters: {text}", file=sys.stderr)


def _record(finding: Finding) -> dict[str, str | None]:
    s3_object, photo = finding.object, finding.photo
    return {
        "bucket": s3_object.bucket if s3_object else None,
        "key": s3_object.key if s3_object else None,
        "version_id": s3_object.version_id if s3_object else None,
        "image_id": photo.image_id if photo else None,
        "owner": (photo.owner or None) if photo else None,
        "code": finding.code,
        "reason": finding.reason,
    }


def _photo(finding: Finding) -> str:
    if finding.object is None:
        return "–"
    return f"s3://{finding.object.bucket}/{finding.object.key}"


def _plain(text: str) -> Text:
    """Escape control characters: text from strangers must not control the terminal."""
    return Text(
        "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text), overflow="fold"
    )


def _time(moment: datetime | None) -> str | None:
    return timestamp(moment) if moment else None
