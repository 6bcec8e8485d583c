"""A comparison as a table for people: rows are the other service's scores, columns this one's."""

from rich.console import Console
from rich.table import Table

from worker.upkeep.comparison import Comparison

SCORES = (1, 2, 3, 4, 5, None)


def show(found: Comparison, console: Console) -> None:
    """Print it."""
    console.print(
        f"{found.compared} photos compared: {found.share_within(0):.1%} the same score, "
        f"{found.share_within(1):.1%} within one"
    )
    if found.missing or found.unreadable:
        console.print(f"{found.missing} only the other has, {found.unreadable} cannot be read")
    if not found.compared:
        return
    table = Table(title="other ↓  this one →")
    for score in ("", *SCORES):
        table.add_column("–" if score is None else str(score), justify="right")
    for theirs in SCORES:
        counts = [found.pairs[theirs, ours] for ours in SCORES]
        cells = [str(count) if count else "·" for count in counts]
        table.add_row("–" if theirs is None else str(theirs), *cells)
    console.print(table)
    if found.furthest:
        console.print("furthest apart: " + ", ".join(image_id for _, image_id in found.furthest))
