"""An aim, what was measured, and whether it is met: computed, never typed."""

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from docs.tools.table import Table

HOLDS: Mapping[str, Callable[[float, float], bool]] = {"≥": operator.ge, "≤": operator.le, "<": operator.lt}
COLUMNS = ("target", "aim", "measured", "")


@dataclass(frozen=True, slots=True)
class Aim:
    """What was measured, and its bound; `shape` writes both. None: its part ran without measuring it."""

    what: str
    value: float | None
    sign: str  # of HOLDS
    bound: float
    shape: str
    spread: str = ""  # of the rounds

    @property
    def verdict(self) -> str:
        """The result in a word or two."""
        if self.value is None:
            return "not measured"
        return "met" if HOLDS[self.sign](self.value, self.bound) else "MISSED"

    @property
    def row(self) -> tuple[str, str, str, str]:
        """A row for COLUMNS."""
        shown = "–" if self.value is None else f"{self.shape.format(self.value)} {self.spread}".strip()
        return self.what, f"{self.sign} {self.shape.format(self.bound)}", shown, self.verdict


def table(aims: Iterable[Aim]) -> Table:
    """Write aims as a table."""
    return Table("Targets", COLUMNS, [aim.row for aim in aims])
