"""Collects the results of the checks, and shows them as a table."""

from collections.abc import Callable
from dataclasses import dataclass, field
from subprocess import TimeoutExpired

from rich.markup import escape
from rich.table import Table

from deploy.image.engine import EngineError
from worker.errors import WorkerError

MARKS = {True: "[green]yes", False: "[bold red]NO", None: "[yellow]not checked"}


class FailedError(Exception):
    """Raised by a check that fails; its text is what was seen."""


@dataclass(slots=True)
class Report:
    """Rows of: the check, whether it passed (None: not made), and what was seen."""

    rows: list[tuple[str, bool | None, str]] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether there were checks, and all of them passed."""
        return bool(self.rows) and all(passed for _, passed, _ in self.rows)

    def check(self, name: str, look: Callable[[], str]) -> None:
        """Make a check and record the result. An error counts as a failure."""
        try:
            self.rows.append((name, True, look()))
        except (FailedError, EngineError, WorkerError, TimeoutExpired, TimeoutError) as error:
            self.rows.append((name, False, str(error)))

    def skip(self, name: str, reason: str) -> None:
        """Record a check that could not be made."""
        self.rows.append((name, None, reason))

    def table(self, title: str) -> Table:
        """Return the table."""
        table = Table("check", "passed", "what was seen", title=title, title_justify="left")
        for name, passed, seen in self.rows:
            table.add_row(name, MARKS[passed], escape(seen))
        return table
