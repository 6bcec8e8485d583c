"""Dead letters and their reasons, for people (tables) and for programs (JSON lines)."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from worker.result import timestamp
from worker.upkeep.dead_letters import Finding, Letter
from worker.upkeep.remedies import ADVICE

Found = Sequence[Finding]  # of one letter's records, the gravest first
WIDE = 200  # columns, where there is no terminal that has a width


def line(letter: Letter, found: Found) -> str:
    """One JSON object: the letter, its gravest reason, and every record."""
    gravest = found[0]
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
            "records": [_record(finding) for finding in found],
        }
    )


def console() -> Console:
    """Standard output; as wide as it needs to be where it is no terminal."""
    out = Console(highlight=False)
    return out if out.is_terminal else Console(width=WIDE, highlight=False)


def letters(found: Iterable[tuple[Letter, Found]]) -> Table:
    """A row for each letter."""
    message = Column("message", no_wrap=True)  # to be copied
    table = Table("sent (UTC)", "receives", message, "photo", "why it is here", box=None, pad_edge=False)
    for letter, findings in found:
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


def summary(found: Iterable[tuple[Letter, Found]]) -> Table:
    """A row for each reason: how many letters have it as their gravest, and what to do with them."""
    counts = Counter(findings[0].code for _, findings in found)
    table = Table("letters", "reason", "what to do", box=None, pad_edge=False)
    for code, count in counts.most_common():
        table.add_row(str(count), code, Text(ADVICE[code][1]))
    return table


def _record(finding: Finding) -> dict[str, str | None]:
    where, photo = finding.object, finding.photo
    return {
        "bucket": where.bucket if where else None,
        "key": where.key if where else None,
        "version_id": where.version_id if where else None,
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
    """Text of strangers must not steer the terminal."""
    return Text(
        "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text), overflow="fold"
    )


def _time(moment: datetime | None) -> str | None:
    return timestamp(moment) if moment else None
