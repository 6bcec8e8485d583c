"""How far long work is: a bar on a terminal, a line in the log now and then elsewhere."""

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

EVERY = 10.0  # seconds between two lines of the log


@contextmanager
def shown(
    what: str,
    total: int,
    unit: str = "",
    *,
    telemetry: Telemetry,
    clock: Callable[[], float],
    stream: TextIO = sys.stderr,
) -> Iterator[Callable[[int], None]]:
    """Give what is to be called with the number of things done so far, of `total`; the `unit` may be bytes."""
    console = Console(file=stream)
    if console.is_terminal:
        amount = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
        columns = (TextColumn("{task.description}"), BarColumn(), amount, TimeRemainingColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.update(task, completed=done)
    else:
        yield _lines(what, total, telemetry, clock)


def _lines(what: str, total: int, telemetry: Telemetry, clock: Callable[[], float]) -> Callable[[int], None]:
    begun = said = clock()

    def tell(done: int) -> None:
        nonlocal said
        now = clock()
        if now - said >= EVERY:
            said = now
            left = (total - done) * (now - begun) / done if done else None
            telemetry.event("progress", what=what, done=done, of=total, seconds_left=left and round(left))

    return tell
