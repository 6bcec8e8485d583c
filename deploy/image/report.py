"""What every check has seen, as a table for people."""

from collections.abc import Callable
from dataclasses import dataclass, field
from subprocess import TimeoutExpired

from rich.markup import escape
from rich.table import Table

from deploy.image.engine import EngineError
from worker.errors import WorkerError

MARKS = {True: "[green]yes", False: "[bold red]NO", None: "[yellow]not checked"}


class FailedError(Exception):
    """Raised by a check that does not hold; its text is what was seen instead."""


@dataclass(slots=True)
class Report:
    """Rows of: what must hold; whether it does, None if that could not be looked at; what was seen."""

    rows: list[tuple[str, bool | None, str]] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether there were checks, and all of them were made and hold."""
        return bool(self.rows) and all(holds for _, holds, _ in self.rows)

    def check(self, what: str, look: Callable[[], str]) -> None:
        """Look, and note what was seen. What cannot even be looked at does not hold."""
        try:
            self.rows.append((what, True, look()))
        except (FailedError, EngineError, WorkerError, TimeoutExpired, TimeoutError) as error:
            self.rows.append((what, False, str(error)))

    def skip(self, what: str, why: str) -> None:
        """Note what could not be looked at."""
        self.rows.append((what, None, why))

    def table(self, title: str) -> Table:
        """Lay it out."""
        table = Table("what must hold", "does it?", "what was seen", title=title, title_justify="left")
        for what, holds, seen in self.rows:
            table.add_row(what, MARKS[holds], escape(seen))
        return table
