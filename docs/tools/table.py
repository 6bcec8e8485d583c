"""A table of text, and how it is written in Markdown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A title, the heads of the columns, and rows with a cell for each."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """Write the table below its title."""
        return f"**{self.title}**\n\n{markdown(self.columns, self.rows)}"


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table without a title."""
    return "\n".join(map(_row, [columns, ["---"] * len(columns), *rows])) + "\n"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
