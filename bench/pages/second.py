"""Where the second goes: milliseconds by step as a picture."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from docs.tools import plot

SECOND = 1000.0  # milliseconds
COLOURS = {  # by step: on the way warm, waiting pale, the work cold
    "put": plot.GREY,
    "notify": plot.RED,
    "queue": plot.ORANGE,
    "wait": plot.OCHRE,
    "fetch": plot.SKY,
    "decode": plot.BLUE,
    "batch_wait": plot.PINK,
    "infer": plot.GREEN,
    "commit": plot.VIOLET,
}
LEGEND: dict[str, Any] = {
    "loc": "upper left",
    "bbox_to_anchor": (0.01, 0.88),
    "ncols": len(COLOURS),
    "handlelength": 1,
    "columnspacing": 1.1,
}

Steps = Mapping[str, float]  # mean milliseconds by step


def cases(latency: Mapping[str, Any]) -> dict[str, Steps]:
    """Name the four situations whose time is split by step."""
    late = latency["notifications"]
    return {
        "idle": latency["one_at_a_time"]["steps_mean"],
        "80 % load": latency["loads"]["0.8"]["steps_mean"],
        "slow notification": late["alone"]["steps_mean"],
        "with direct request": late["direct_request"]["steps_mean"],
    }


def where_the_second_goes(situations: Mapping[str, Steps]) -> Figure:
    """Draw bars split by step: all on one scale, then those without the slowest, enlarged."""
    slowest = max(situations, key=lambda name: sum(situations[name].values()))
    short = {name: steps for name, steps in situations.items() if name != slowest}
    figure, [upper, lower] = plot.panels(
        "Where the second goes",
        "mean milliseconds from PUT to result by step",
        [34 * len(situations), 34 * len(short)],
        top=110,
        bottom=34,
        left=160,
        right=70,
    )
    _draw_split_bars(upper, situations)
    _draw_split_bars(lower, short)
    upper.set_xlim(0, max(SECOND, upper.get_xlim()[1]))
    lower.set_title(f"the same without “{slowest}”, enlarged", x=-0.25)
    figure.legend(*upper.get_legend_handles_labels(), **LEGEND)
    return figure


def _draw_split_bars(bars: Axes, situations: Mapping[str, Steps]) -> None:
    ends = np.zeros(len(situations))
    for step in next(iter(situations.values())):
        taken = np.array([steps[step] for steps in situations.values()])
        drawn = bars.barh(
            list(situations), taken, 0.7, left=ends, color=COLOURS.get(step, plot.GREY), label=step
        )
        ends += taken
    bars.bar_label(drawn, [milliseconds(round(end)) for end in ends], padding=6)
    bars.set_xlim(0, ends.max() * 1.05)
    bars.invert_yaxis()
    bars.grid(axis="y", visible=False)
    bars.grid(axis="x")
    bars.xaxis.set_major_formatter(milliseconds)
    bars.tick_params("y", labelcolor=plot.INK)


def milliseconds(value: float, _place: float = 0) -> str:
    """Format milliseconds, also as labels of an axis."""
    return f"{value / 1000:.3g} s" if value >= 1000 else f"{value:.0f} ms"
