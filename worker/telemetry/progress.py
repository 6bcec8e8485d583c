"""Progress of long operations: a bar on a terminal, a periodic log line elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from worker.telemetry.counters import Telemetry

LOG_INTERVAL = 10.0  # seconds between two log lines


@contextmanager
def show(
    what: str,
    total: int,
    unit: str = "",
    *,
    telemetry: Telemetry,
    clock: Callable[[], float],
    stream: TextIO = sys.stderr,
) -> Iterator[Callable[[int], None]]:
    """Show progress; yields a function to call with the number done. `unit` may be "bytes"."""
    console = Console(file=stream)
    if console.is_terminal:
        amount = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
        columns = (TextColumn("{task.description}"), BarColumn(), amount, TimeRemainingColumn())
        # Progress prints what goes to stdout on its own console, which is stderr: a pipe must get its lines.
        to_terminal = sys.stdout is not None and sys.stdout.isatty()
        with Progress(*columns, console=console, redirect_stdout=to_terminal) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.update(task, completed=done)
    else:
        yield _log_progress(what, total, telemetry, clock)


def _log_progress(
    what: str, total: int, telemetry: Telemetry, clock: Callable[[], float]
) -> Callable[[int], None]:
    begun = logged = clock()

    def tell(done: int) -> None:
        nonlocal logged
        now = clock()
        if now - logged >= LOG_INTERVAL:
            logged = now
            left = (total - done) * (now - begun) / done if done else None
            telemetry.event("progress", what=what, done=done, of=total, seconds_left=left and round(left))

    return tell
