"""One day, second by second: photos arrive, tasks score them in order, the scaler adjusts the tasks.

The queue is a fluid: in a second, all tasks together score their rate. How long a photo waits follows
from the cumulative curves of arrivals and departures; the latency measured at that load without a
backlog is added. Left out: photos of different size in different hours, tasks that fail, and that
SQS is not strictly in order.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from deploy.simulate.arrivals import DAY
from deploy.simulate.figures import WEIGHTS, Figures, Series
from deploy.simulate.fleet import Fleet
from deploy.simulate.policy import Scaler

SMOOTH = 15  # seconds that a load is averaged over


@dataclass(frozen=True, slots=True)
class Day:
    """What happened; series are by second, percentiles by minute."""

    arrivals: Series
    tasks: Series  # that score
    paid: Series  # that run, starting ones included
    backlog: Series  # photos
    p50: Series  # seconds from PUT to result, by minute
    p99: Series
    median: float  # seconds, of all photos of the day
    late: float  # photos whose result came after the objective
    objective_seconds: float

    @property
    def photos(self) -> float:
        """Photos of the day."""
        return float(self.arrivals.sum())

    @property
    def in_time(self) -> float:
        """Share of the photos within the objective."""
        return 1 - self.late / self.photos

    @property
    def task_hours(self) -> float:
        """Hours to pay for."""
        return float(self.paid.sum()) / 3600


def simulate(
    arrivals: Series,
    scaler: Scaler,
    figures: Figures,
    *,
    objective_seconds: float = 1.0,
    tell: Callable[[int], None] = lambda _: None,
) -> Day:
    """Simulate a day; calls `tell` with each hour."""
    fleet, backlog, done = _run_tasks(arrivals, scaler, figures, tell)
    rate = fleet.tasks * figures.task.photos_per_second
    waits = wait_seconds(arrivals, done, rate)
    took = waits[:, None] + figures.latencies(load(arrivals, rate))
    weights = arrivals[:, None] * WEIGHTS
    p50, p99 = percentiles(took, weights, (0.5, 0.99), DAY // 60)
    median = float(percentiles(took, weights, (0.5,), 1)[0][0])
    late = float(weights[took > objective_seconds].sum())
    return Day(arrivals, fleet.tasks, fleet.paid, backlog, p50, p99, median, late, objective_seconds)


def _run_tasks(
    arrivals: Series, scaler: Scaler, figures: Figures, tell: Callable[[int], None]
) -> tuple[Fleet, Series, Series]:
    """The tasks, photos waiting, and photos done, by second."""
    task, waiting = figures.task, 0.0
    fleet = Fleet(scaler, figures.start_seconds)
    backlog, done = np.zeros(DAY), np.zeros(DAY)
    for second, came in enumerate(arrivals):
        working = fleet.begin(second)
        waiting += came
        done[second] = min(waiting, working * task.photos_per_second)
        waiting -= done[second]
        backlog[second] = waiting
        visible = max(0.0, waiting - task.held * working)
        busy = done[second] / (working * task.photos_per_second)
        fleet.end(second, asked=came, visible=visible, busy=busy)
        if second % 3600 == 3599:
            tell(second // 3600 + 1)
    return fleet, backlog, done


def load(arrivals: Series, rate: Series) -> Series:
    """The share of the tasks' rate that arrives, averaged over SMOOTH seconds."""
    return np.clip(np.convolve(arrivals, np.full(SMOOTH, 1 / SMOOTH), "same") / rate, 0, 1)


def wait_seconds(arrivals: Series, done: Series, rate: Series) -> Series:
    """Seconds that the photos of each second wait: until all that came before its middle are done."""
    came, gone = np.cumsum(arrivals) - arrivals / 2, np.cumsum(done)
    when = np.searchsorted(gone, came - 1e-6)
    last = np.minimum(when, DAY - 1)
    within = (came - (gone[last] - done[last])) / rate[last]
    return np.maximum(0.0, last + within - (np.arange(DAY) + 0.5))


def percentiles(values: Series, weights: Series, shares: tuple[float, ...], parts: int) -> list[Series]:
    """Weighted percentiles of equal `parts` of the day; nan in a part without photos."""
    minutes = values.reshape(parts, -1), weights.reshape(parts, -1)
    order = np.argsort(minutes[0], axis=1)
    sorted_values = np.take_along_axis(minutes[0], order, axis=1)
    cumulated = np.cumsum(np.take_along_axis(minutes[1], order, axis=1), axis=1)
    found = []
    for share in shares:
        index = np.minimum((cumulated < share * cumulated[:, -1:]).sum(axis=1), cumulated.shape[1] - 1)
        column = np.take_along_axis(sorted_values, index[:, None], axis=1)[:, 0]
        found.append(np.where(cumulated[:, -1] > 0, column, np.nan))
    return found
