"""Two runs of the same day as a picture: photos and capacity, backlog, and p99."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deploy.simulate.figures import Series
from deploy.simulate.plans import Run
from deploy.simulate.report import share
from docs.tools import plot

COLOURS = (plot.BLUE, plot.ORANGE)


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the day that is shown."""

    begin: float  # hour
    end: float
    step: int  # seconds per point of a line, which shows the highest value among them
    marks: Sequence[float]  # hours below it
    scale: str  # of photos a second

    def points(self, series: Series) -> tuple[Series, Series]:
        """Seconds of the day, and the highest value of each step."""
        begin, end = (round(hour * 3600) for hour in (self.begin, self.end))
        highest = series[begin:end].reshape(-1, self.step).max(axis=1)
        return np.asarray(begin + np.arange(len(highest)) * self.step + self.step / 2), highest


ALL_DAY = Window(0, 24, 300, range(0, 25, 3), "log")
LONG_SPIKE = Window(13.4, 14.0, 20, [13.4, 13.5, 13.6, 13.7, 13.8, 13.9, 14], "linear")


def day(peak: float, runs: Sequence[Run], photos_per_second: float) -> Figure:
    """Draw two plans for the same day; a task scores `photos_per_second`."""
    return _draw_runs(
        f"A day with {peak:,} photos a second at its ordinary peak",
        "two spikes: threefold for ten minutes, fivefold for two",
        {run.plan.name: run for run in runs},
        photos_per_second,
        ALL_DAY,
    )


def images(peak: float, runs: Mapping[str, Run], photos_per_second: float) -> Figure:
    """Draw what becomes of the longer spike with tasks of two images."""
    load = next(iter(runs.values())).plan.target("load")
    return _draw_runs(
        f"The longer spike of a day with {peak:,} photos a second, by image",
        f"a load target of {load:g}, which leaves too few tasks for it",
        runs,
        photos_per_second,
        LONG_SPIKE,
    )


def _draw_runs(
    title: str, subtitle: str, runs: Mapping[str, Run], photos_per_second: float, window: Window
) -> Figure:
    figure, [capacity, backlog, latency] = plot.panels(
        title, subtitle, [120, 120, 120], top=100, gap=48, bottom=34
    )
    days = [run.day for run in runs.values()]
    rates = [one.tasks * photos_per_second for one in days]
    _draw(capacity, "photos a second: arriving (grey), capacity", rates, window, window.scale)
    capacity.plot(*window.points(days[0].arrivals), color=plot.GREY, linewidth=1)
    _draw(backlog, "photos waiting", [one.backlog for one in days], window)
    backlog.set_ylim(0, max(10.0, backlog.get_ylim()[1]))
    backlog.locator_params("y", nbins=4)
    slow = [np.repeat(np.nan_to_num(one.p99), 60) for one in days]
    _draw(
        latency, "p99 from PUT to result, seconds; the red line is the objective", slow, window, scale="log"
    )
    latency.axhline(1, color=plot.RED, linewidth=1)
    latency.set_ylim(0.05, max(2.0, latency.get_ylim()[1]))
    for number, ((name, run), colour) in enumerate(zip(runs.items(), COLOURS, strict=True)):
        says = f"{name}: {share(run.day.in_time)} in time"
        capacity.text(number * 0.49, 1.2, says, color=colour, weight="bold", transform=capacity.transAxes)
    latency.set_xticks([3600 * hour for hour in window.marks], [_clock(hour) for hour in window.marks])
    return figure


def _draw(panel: Axes, title: str, series: Sequence[Series], window: Window, scale: str = "linear") -> None:
    panel.set_yscale(scale)
    for values, colour in zip(series, COLOURS, strict=True):
        panel.plot(*window.points(values), color=colour, linewidth=1.5)
    panel.set_title(title)
    panel.set_xticks([])
    panel.margins(x=0)
    panel.yaxis.set_major_formatter("{x:,g}")


def _clock(hour: float) -> str:
    return f"{int(hour)}:{round(hour % 1 * 60):02}"
