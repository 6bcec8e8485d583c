"""The time of a look-up by photos remembered, as a picture."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from docs.tools import plot

RIVALS = {  # name → colour and label
    "numpy": (plot.ORANGE, "numpy, all of them"),
    "bk_tree": (plot.RED, "BK-tree"),
    "script": (plot.BLUE, "this index, + insert"),
}


def index_time(rows: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw lines: median milliseconds of a look-up by photos remembered, on logarithmic axes."""
    figure, [lines] = plot.panels(
        "Time to find a look-alike",
        "median of a look-up, radius 6; logarithmic scales",
        [256],
        left=74,
        right=160,
    )
    sizes = [int(size) for size in rows]
    lines.set(xscale="log", yscale="log", xlabel="photos remembered")
    ends = {}
    for name, (colour, label) in RIVALS.items():
        values = [row[f"{name}_p50_ms"] for row in rows.values()]
        lines.plot(sizes, values, "o-", color=colour)
        ends[label] = values[-1], colour
    lines.set_ylim(lines.get_ylim()[0] / 2, lines.get_ylim()[1] * 2)
    plot.label_ends(lines, sizes[-1], ends)
    lines.set_xticks(sizes, [f"{size:,}" for size in sizes])
    lines.yaxis.set_major_formatter("{x:g} ms")
    lines.minorticks_off()
    return figure
