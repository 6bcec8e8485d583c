"""One day, second by second: photos arrive, tasks score them in order, the scaler adjusts the tasks.

The queue is a fluid: in a second, all tasks together score their rate. How long a photo waits follows
from the cumulative curves of arrivals and departures; the latency measured at that load without a
backlog is added. Left out: photos of different size in different hours, tasks that fail, and that
SQS is not strictly in order.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from deploy.simulate.arrivals import DAY
from deploy.simulate.figures import WEIGHTS, Figures, Series
from deploy.simulate.policy import Minute, Scaler

LATE = 1  # minutes until CloudWatch has the SQS metrics of a minute
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
    tasks, paid, backlog, done = _run_tasks(arrivals, scaler, figures, tell)
    rate = tasks * figures.task.photos_per_second
    waits = _waits(arrivals, done, rate)
    loads = np.convolve(arrivals, np.full(SMOOTH, 1 / SMOOTH), "same") / rate
    took = waits[:, None] + figures.latencies(np.clip(loads, 0, 1))
    weights = arrivals[:, None] * WEIGHTS
    p50, p99 = _percentiles(took, weights, (0.5, 0.99), DAY // 60)
    median = float(_percentiles(took, weights, (0.5,), 1)[0][0])
    late = float(weights[took > objective_seconds].sum())
    return Day(arrivals, tasks, paid, backlog, p50, p99, median, late, objective_seconds)


def _run_tasks(
    arrivals: Series, scaler: Scaler, figures: Figures, tell: Callable[[int], None]
) -> tuple[Series, Series, Series, Series]:
    """Tasks that score and that are paid for, photos waiting, and photos done, by second."""
    task = figures.task
    working, waiting = scaler.desired, 0.0
    starting = deque[tuple[float, int]]()  # (second, tasks), in order
    known = deque[Minute]()  # minutes that CloudWatch does not have yet
    tasks, paid, backlog, done = (np.zeros(DAY) for _ in range(4))
    for second, came in enumerate(arrivals):
        while starting and starting[0][0] <= second:
            working += starting.popleft()[1]
        waiting += came
        done[second] = min(waiting, working * task.photos_per_second)
        waiting -= done[second]
        tasks[second], paid[second] = working, working + sum(count for _, count in starting)
        backlog[second] = waiting
        if second % 60 == 59:
            known.append(_minute(slice(second - 59, second + 1), arrivals, tasks, backlog, task.held))
            if len(known) > LATE:
                desired = scaler.decide(known.popleft())
                working = _adjust(desired, working, starting, second + task.start_seconds)
        if second % 3600 == 3599:
            tell(second // 3600 + 1)
    return tasks, paid, backlog, done


def _minute(seconds: slice, arrivals: Series, tasks: Series, backlog: Series, held: float) -> Minute:
    running = float(tasks[seconds].mean())
    visible = np.maximum(0.0, backlog[seconds] - held * tasks[seconds])
    return Minute(float(visible.mean()), float(arrivals[seconds].sum()), running)


def _adjust(desired: int, working: int, starting: "deque[tuple[float, int]]", ready: float) -> int:
    """Start missing tasks, stop surplus ones, starting ones first; return how many work."""
    present = working + sum(count for _, count in starting)
    if desired > present:
        starting.append((ready, desired - present))
    excess = max(0, present - desired)
    while excess and starting:
        when, count = starting.pop()
        if count > excess:
            starting.append((when, count - excess))
        excess = max(0, excess - count)
    return working - excess


def _waits(arrivals: Series, done: Series, rate: Series) -> Series:
    """Seconds that the photos of each second wait: until all that came before its middle are done."""
    came, gone = np.cumsum(arrivals) - arrivals / 2, np.cumsum(done)
    when = np.searchsorted(gone, came - 1e-6)
    last = np.minimum(when, DAY - 1)
    within = (came - (gone[last] - done[last])) / rate[last]
    return np.maximum(0.0, last + within - (np.arange(DAY) + 0.5))


def _percentiles(values: Series, weights: Series, shares: tuple[float, ...], parts: int) -> list[Series]:
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
