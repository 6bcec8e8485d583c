"""A day with two plans as a picture: photos and capacity, backlog, and p99 by hour."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deploy.simulate.figures import Series
from deploy.simulate.plans import Run
from deploy.simulate.report import share
from docs.tools import plot

STEP = 300  # seconds per point of a line, which shows the highest value among them
COLOURS = (plot.BLUE, plot.ORANGE)
HOURS = range(0, 25, 3)


def day(peak: float, runs: Sequence[Run], photos_per_second: float) -> Figure:
    """Draw two runs of the same day; a task scores `photos_per_second`."""
    figure, [capacity, backlog, latency] = plot.panels(
        f"A day with {peak:,} photos a second at its ordinary peak",
        "two spikes: threefold for ten minutes, fivefold for two",
        [120, 120, 120],
        top=100,
        gap=48,
        bottom=34,
    )
    rates = [run.day.tasks * photos_per_second for run in runs]
    _draw(capacity, "photos a second: arriving (grey), capacity", rates, scale="log")
    capacity.plot(*_points(runs[0].day.arrivals), color=plot.GREY, linewidth=1)
    _draw(backlog, "photos waiting", [run.day.backlog for run in runs])
    backlog.set_ylim(0, max(10.0, backlog.get_ylim()[1]))
    backlog.locator_params("y", nbins=4)
    slow = [np.repeat(np.nan_to_num(run.day.p99), 60) for run in runs]
    _draw(latency, "p99 from PUT to result, seconds; the red line is the objective", slow, scale="log")
    latency.axhline(1, color=plot.RED, linewidth=1)
    latency.set_ylim(0.05, max(2.0, latency.get_ylim()[1]))
    for number, (run, colour) in enumerate(zip(runs, COLOURS, strict=True)):
        says = f"{run.plan.name}: {share(run.day.in_time)} in time"
        capacity.text(number * 0.49, 1.2, says, color=colour, weight="bold", transform=capacity.transAxes)
    latency.set_xticks([3600 * hour for hour in HOURS], [f"{hour}:00" for hour in HOURS])
    return figure


def _draw(panel: Axes, title: str, series: Sequence[Series], scale: str = "linear") -> None:
    panel.set_yscale(scale)
    for values, colour in zip(series, COLOURS, strict=True):
        panel.plot(*_points(values), color=colour, linewidth=1.5)
    panel.set_title(title)
    panel.set_xticks([])
    panel.margins(x=0)
    panel.yaxis.set_major_formatter("{x:,g}")


def _points(series: Series) -> tuple[Series, Series]:
    """Seconds of the day, and the highest value of each STEP."""
    highest = series.reshape(-1, STEP).max(axis=1)
    return np.asarray(np.arange(len(highest)) * STEP + STEP / 2), highest
