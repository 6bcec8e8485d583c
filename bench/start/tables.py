"""Starts as a table."""

from collections.abc import Mapping
from typing import Any

from bench.start.start import PART
from docs.tools.table import Table

CALLED = {
    "first": "new model",
    "second": "known model",
    "tensorflow": "known model, on TensorFlow",
    "container": "new container",
}
ROWS = {
    "seconds": ("until it polls, s", 1),
    "cpu_s": ("CPU of all its processes until then, s", 1),
    "main_mb": ("memory of the main process, MB", 0),
    "decoders_mb": ("memory of the decoders and their parent, MB", 0),
}


def start(part: Mapping[str, Any]) -> Table:
    """Return the table of starts; a start without a part leaves its cell empty."""
    median, spread = part["median"], part["spread"]
    parts = dict.fromkeys(name for of_case in median.values() for name in of_case if name.startswith(PART))
    rows = {**ROWS, **{name: (f"… {name.removeprefix(PART).replace('_', ' ')}, s", 2) for name in parts}}
    cells = [
        (label, *(_cell(median[case], spread[case], name, digits) for case in median))
        for name, (label, digits) in rows.items()
    ]
    cells.append(("engine", *(" / ".join(dict.fromkeys(part["engines"][case])) for case in median)))
    rounds = len(next(iter(part["every_round"].values())))
    title = f"From the start of the process until it polls, median (minimum–maximum) of {rounds} rounds"
    return Table(title, ("", *(CALLED[case] for case in median)), cells)


def _cell(
    median: Mapping[str, float], spread: Mapping[str, tuple[float, float]], name: str, digits: int
) -> str:
    if name not in median:
        return ""
    least, most = spread[name]
    return f"{median[name]:.{digits}f} ({least:.{digits}f}–{most:.{digits}f})"
