"""Shows dead letters and their reasons: tables for people, JSON lines for programs."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from rich.console import Group
from rich.table import Table
from rich.text import Text

from worker.commands.terminal import plain
from worker.result import timestamp
from worker.upkeep.dead_letters import Finding, Letter
from worker.upkeep.remedies import ADVICE

SHOWN = 24  # characters of a sender and of a body's names: both fit into 80 columns
Findings = Sequence[Finding]  # of one letter's records, the gravest first


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
            "sender": letter.sender,
            "body": letter.body,
            "code": gravest.code,
            "reason": gravest.reason,
            "remedy": gravest.remedy.name.lower(),
            "records": [_record(finding) for finding in findings],
        }
    )


def letters(examined: Iterable[tuple[Letter, Findings]]) -> Group:
    """Show each letter in two lines; what does not fit is cut off. `--json` has all of it."""
    return Group(*_lines(examined))


def _lines(examined: Iterable[tuple[Letter, Findings]]) -> Iterator[Text]:
    for letter, findings in examined:
        gravest, more = findings[0], len(findings) - 1
        sent = f"{letter.sent_at:%Y-%m-%d %H:%M}" if letter.sent_at else f"{'?':16}"
        code = gravest.code + (f" (and {more} more records)" if more else "")
        yield _line(f"{sent} {letter.receive_count:>3}× {letter.message_id}  {code}")
        sender = _short(letter.sender or "somebody")
        yield _line(f"  {sender} sent {_body(letter)}: {_photo(gravest)}{gravest.reason}")


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
    return f"s3://{finding.object.bucket}/{finding.object.key}: " if finding.object else ""


def _body(letter: Letter) -> str:
    """How long a letter's body is, and its JSON's outermost names. Any value may be a secret."""
    try:
        value = json.loads(letter.body)
    except (ValueError, RecursionError):
        value = None
    names = f" ({_short(', '.join(value))})" if isinstance(value, dict) and value else ""
    return f"{len(letter.body)} characters{names}"


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _line(text: str) -> Text:
    line = plain(text)
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _time(moment: datetime | None) -> str | None:
    return timestamp(moment) if moment else None
