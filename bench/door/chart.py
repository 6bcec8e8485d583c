"""The door and its rivals as a picture: photos a second, and p99, by number of clients."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from bench.door.servers import BOTH, DOOR, LABELS
from docs.tools import plot

COLOURS = {DOOR: plot.BLUE, BOTH: plot.SKY, "mosec": plot.GREEN, "litserve": plot.ORANGE, "flask": plot.GREY}


def beside_rivals(rows: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw columns: photos a second, and below them p99 on a logarithmic axis."""
    figure, [rates, tails] = plot.panels(
        "Photos by HTTP", "photos a second by number of clients, closed loop", [180, 180], top=96, gap=64
    )
    width = 0.84 / len(LABELS)
    for number, (name, label) in enumerate(LABELS.items()):
        places = np.arange(len(rows)) + (number - (len(LABELS) - 1) / 2) * width
        for columns, what, shape in ((rates, "per_s", "{:.0f}"), (tails, "p99_ms", "{:.0f}")):
            values = [row[f"{name}_{what}"] for row in rows.values()]
            bars = columns.bar(places, values, width - 0.02, color=COLOURS[name], label=label)
            columns.bar_label(bars, fmt=shape, padding=2, fontsize=9)
    tails.set_yscale("log")
    tails.set_title("milliseconds to the answer, p99; logarithmic scale", x=-0.07)
    tails.set_xlabel("clients")
    tails.yaxis.set_major_formatter("{x:g}")
    tails.minorticks_off()
    for columns in (rates, tails):
        columns.set_xticks(range(len(rows)), list(rows))
        columns.margins(y=0.12)
    rates.legend(
        loc="lower left", bbox_to_anchor=(-0.07, 1), ncols=len(LABELS), handlelength=1, columnspacing=1
    )
    return figure
