"""A table of text, whoever shows it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A title, the heads of the columns, and rows of as many cells."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """Give it for a document, its title above."""
        return f"**{self.title}**\n\n{markdown(self.columns, self.rows)}"


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table without a title."""
    return "\n".join(map(_row, [columns, ["---"] * len(columns), *rows])) + "\n"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
