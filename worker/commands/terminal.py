"""What commands print: on a terminal as wide as it is, elsewhere in wide lines or in 80 columns."""

from rich.console import Console
from rich.text import Text

WIDE = 200  # columns of a table that does not go to a terminal


class _Output(Console):
    """Standard output. A reader that has gone is for the command line to report."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console(*, wide: bool = True) -> Console:
    """Open standard output. Off a terminal it is `wide`, or has 80 columns, or as many as COLUMNS says."""
    out = _Output(highlight=False)
    return _Output(width=WIDE, highlight=False) if wide and not out.is_terminal else out


def plain(*lines: str) -> Text:
    """Escape control characters: text from strangers must not control the terminal."""
    return Text("\n".join("".join(map(_shown, line)) for line in lines), overflow="fold")


def _shown(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()
