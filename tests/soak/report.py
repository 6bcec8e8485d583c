"""The report of a soak test: a table, the same as JSON, and whether every promise was kept."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from tests.soak.load import Soak
from tests.support.faults.tally import Tally

MUST_BE_EMPTY = (
    "lost",
    "good photos among them",
    "broken histories",
    "promises broken",
    "workers crashed",
    "answers that must not be",
    "not settled",
)


def rows(soak: Soak, tally: Tally) -> dict[str, Any]:
    """Count everything; list what must not happen by name."""
    audit, workers = soak.rig.audit.counts, soak.workers
    return {
        "sent": tally.sent,
        "scored": tally.statuses.get("scored", 0) + tally.statuses.get("unrecognised", 0),
        "failed": tally.statuses.get("failed", 0),
        "good photos that failed": soak.rig.failed_good(),
        "dead-lettered": len(tally.dead),
        "of these nobody could read": soak.rig.poison,
        "good photos among them": list(tally.harmed),
        "of these scored all the same": len(tally.both),
        "waited for by readers": soak.readers.reads,
        "sent by HTTP": len(soak.rig.by_http),
        "answers": soak.senders.statuses(),
        "answers that must not be": soak.senders.unexpected(),
        "received": audit["received"],
        "redelivered": audit["redelivered"],
        "lost": list(tally.lost),
        "broken histories": list(tally.history),
        "promises broken": list(tally.violations),
        "workers crashed": list(workers.crashed),
        "not settled": [soak.unsettled] if soak.unsettled else [],
        "workers that did not start in an outage": workers.not_started,
        "exit codes of stopped workers": {
            str(code): times for code, times in sorted(workers.exit_codes.items())
        },
        "highest memory of a worker, MB": round(workers.peak / 1e6),
        "photos that cannot be scored": len(soak.rig.bad),
        "decoders killed": workers.decoders_killed,
        "faults": dict(sorted(soak.drawn.items())),
    }


def holds(found: Mapping[str, Any]) -> bool:
    """Whether nothing happened that must not."""
    return not any(found[name] for name in MUST_BE_EMPTY)


def table(found: Mapping[str, Any]) -> Table:
    """The same as a table: how many, then which."""
    made = Table(title="soak", show_header=False)
    for name, value in found.items():
        made.add_row(name, _cell(value))
    return made


def _cell(value: object) -> str:
    if isinstance(value, list):
        return "\n".join([str(len(value)), *map(str, value)])
    if isinstance(value, dict):
        return "\n".join(f"{times} × {name}" for name, times in value.items()) or "none"
    return str(value)
