"""A day as a picture: photos and tasks, what waits, and p99, hour by hour; two plans side by side."""

from collections.abc import Iterator, Sequence

import numpy as np

from deploy.simulate.arrivals import DAY
from deploy.simulate.figures import Series
from deploy.simulate.plans import Run
from deploy.simulate.report import share
from docs import svg
from docs.svg import WIDTH, Place

LEFT, RIGHT = 64.0, WIDTH - 20.0
STEP = 300  # seconds that a point of a line stands for: the most of them
COLOURS = (svg.BLUE, svg.ORANGE)
HEIGHT, GAP = 120.0, 48.0  # of a panel, and between two of them
FIRST = 100.0


def day(peak: float, runs: Sequence[Run], photos_per_second: float) -> str:
    """Draw two runs of the same day; a task scores so many photos per second."""
    x = svg.linear(DAY, LEFT, RIGHT)
    tops = [FIRST + number * (HEIGHT + GAP) for number in range(3)]
    parts = [
        *_legend(runs),
        *_capacity(x, tops[0], runs, photos_per_second),
        *_backlog(x, tops[1], runs),
        *_latency(x, tops[2], runs),
        *_hours(x, tops[2] + HEIGHT),
    ]
    title = f"A day with {peak:,} photos a second at its ordinary peak"
    return svg.picture(
        tops[2] + HEIGHT + 34, title, "two spikes: threefold for ten minutes, fivefold for two", parts
    )


def _capacity(x: Place, top: float, runs: Sequence[Run], rate: float) -> Iterator[str]:
    photos = runs[0].day.arrivals
    series = [_most(one.day.tasks * rate) for one in runs]
    highest = max(float(values.max()) for values in (_most(photos), *series)) * 1.2
    least = max(0.1, float(_most(photos).min()))
    y = svg.logarithmic(least, highest, top + HEIGHT, top)
    marks = [mark for mark in (0.1, 1, 10, 100, 1_000, 10_000, 100_000) if least <= mark <= highest]
    yield from _frame(top, y, marks, "photos a second: come (grey), could be scored")
    yield svg.line(_points(x, y, _most(photos), highest), svg.GREY, "photos that come", 1)
    for one, values, colour in zip(runs, series, COLOURS, strict=True):
        yield svg.line(_points(x, y, values, highest), colour, f"capacity: {one.plan.name}")


def _backlog(x: Place, top: float, runs: Sequence[Run]) -> Iterator[str]:
    series = [_most(one.day.backlog) for one in runs]
    highest = max(10.0, *(float(s.max()) for s in series)) * 1.05
    y = svg.linear(highest, top + HEIGHT, top)
    yield from _frame(top, y, svg.ticks(highest, 3), "photos that wait")
    for one, values, colour in zip(runs, series, COLOURS, strict=True):
        yield svg.line(_points(x, y, values, highest), colour, f"backlog: {one.plan.name}")


def _latency(x: Place, top: float, runs: Sequence[Run]) -> Iterator[str]:
    series = [_most(np.repeat(np.nan_to_num(one.day.p99), 60)) for one in runs]
    highest = max(2.0, *(float(s.max()) for s in series)) * 1.2
    y = svg.logarithmic(0.05, highest, top + HEIGHT, top)
    marks = [mark for mark in (0.1, 1, 10, 100, 1000) if mark < highest]
    yield from _frame(top, y, marks, "p99 from PUT to result, seconds; the line is the objective")
    yield svg.line([(LEFT, y(1)), (RIGHT, y(1))], svg.RED, "the objective: one second", 1)
    for one, values, colour in zip(runs, series, COLOURS, strict=True):
        yield svg.line(_points(x, y, values, highest), colour, f"p99: {one.plan.name}")


def _frame(top: float, y: Place, marks: Sequence[float], says: str) -> Iterator[str]:
    yield svg.text(LEFT, top - 10, says, style="s")
    for mark in marks:
        yield svg.rule(LEFT, y(mark), RIGHT, y(mark))
        yield svg.text(LEFT - 8, y(mark) + 4, f"{mark:,g}", style="s", anchor="end")


def _hours(x: Place, base: float) -> Iterator[str]:
    for hour in range(0, 25, 3):
        yield svg.text(x(hour * 3600), base + 19, f"{hour}:00", style="s", anchor="middle")


def _legend(runs: Sequence[Run]) -> Iterator[str]:
    for number, (one, colour) in enumerate(zip(runs, COLOURS, strict=True)):
        says = f"{one.plan.name}: {share(one.day.in_time)} in time"
        yield svg.text(LEFT + number * 330, 70, says, colour=colour)


def _most(series: Series) -> Series:
    return np.asarray(series.reshape(-1, STEP).max(axis=1))


def _points(x: Place, y: Place, values: Series, highest: float) -> list[tuple[float, float]]:
    return [(x(number * STEP + STEP / 2), y(min(float(v), highest))) for number, v in enumerate(values)]
