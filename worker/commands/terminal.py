"""What commands print: on a terminal as wide as it is, elsewhere in wide lines."""

from rich.console import Console
from rich.text import Text

WIDE = 200  # columns of a table that does not go to a terminal


def console() -> Console:
    """Open standard output."""
    out = Console(highlight=False)
    return out if out.is_terminal else Console(width=WIDE, highlight=False)


def plain(*lines: str) -> Text:
    """Escape control characters: text from strangers must not control the terminal."""
    return Text("\n".join("".join(map(_shown, line)) for line in lines), overflow="fold")


def _shown(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()
