"""One day of the door, second by second: what finds no place is refused, and its client tries again or gives up.

The same fluid and the same tasks as the queue's day, but no more photos are in work than there are
places; a place is a photo of the rate times the objective, so what is let in is done in about the
objective. Refused photos and fresh ones compete for the places that become free. Left out: that the
load balancer may choose a full task while another has a place, and the seconds that a task is paid
for while it drains.
"""

from dataclasses import dataclass

import numpy as np

from deploy.simulate.arrivals import DAY
from deploy.simulate.day import Day, load, percentiles, wait_seconds
from deploy.simulate.figures import LEVELS, WEIGHTS, Figures, Series
from deploy.simulate.fleet import Fleet
from deploy.simulate.policy import Scaler

MEDIAN = int(np.argmin(np.abs(LEVELS - 0.5)))


@dataclass(frozen=True, slots=True)
class DoorDay(Day):
    """A day of the door. `late` photos were answered; `lost` ones never: their clients gave up."""

    requests: float  # refused ones and further tries included
    lost: float  # photos

    @property
    def in_time(self) -> float:
        """Share of all photos of the day that were answered within the objective, from the first try on."""
        return 1 - (self.late + self.lost) / self.photos


class _Tries:
    """The tries of a day, by number and second: photos that come, and that are let in."""

    def __init__(self, arrivals: Series, tries: int, retry_after: float) -> None:
        self.comes: list[list[float]] = [arrivals.tolist(), *([0.0] * DAY for _ in range(1, tries))]
        self.enters = [[0.0] * DAY for _ in range(tries)]
        self.lost = 0.0
        self._delays: list[float] = [retry_after * 2**earlier for earlier in range(tries - 1)]

    def admit(self, second: int, room: float) -> tuple[float, float]:
        """Let in as many as there is room for, whichever try it is; return how many came, and how many entered."""
        came = sum(comes[second] for comes in self.comes)
        entered = min(came, room)
        share = entered / came if came else 1.0
        for number, comes in enumerate(self.comes):
            self.enters[number][second] = comes[second] * share
            if share < 1 and comes[second]:
                self._refuse(second, number, comes[second] * (1 - share))
        return came, entered

    def _refuse(self, second: int, number: int, refused: float) -> None:
        """Have them come again after the delay, half of them a second later: clients add some chance to it."""
        if number == len(self._delays):
            self.lost += refused
            return
        due = second + int(self._delays[number])
        for when in (due, due + 1):
            if when < DAY:
                self.comes[number + 1][when] += refused / 2
            else:
                self.lost += refused / 2

    def seconds_before(self, number: int) -> float:
        """Seconds from the first try to this one."""
        return sum(self._delays[:number]) + number / 2


def simulate(
    arrivals: Series, scaler: Scaler, figures: Figures, *, tries: int, objective_seconds: float = 1.0
) -> DoorDay:
    """Simulate a day of the door whose clients try each photo up to `tries` times."""
    task, door = figures.task, figures.door
    ready = door.ready_seconds
    fleet = Fleet(scaler, figures.start_seconds + ready, figures.warm_seconds + ready)
    sent = _Tries(arrivals, tries, door.retry_after)
    may_wait = task.photos_per_second * max(0.0, door.places_seconds - figures.full_seconds)  # for each task
    waiting, backlog, done = 0.0, np.zeros(DAY), np.zeros(DAY)
    for second in range(DAY):
        working = fleet.begin(second)
        capacity = working * task.photos_per_second
        came, entered = sent.admit(second, capacity + max(0.0, may_wait * working - waiting))
        waiting += entered
        done[second] = min(waiting, capacity)
        waiting -= done[second]
        backlog[second] = waiting
        fleet.end(second, asked=came, visible=0.0, busy=done[second] / capacity)
    let_in, rate = np.sum(sent.enters, axis=0), fleet.tasks * task.photos_per_second
    took = wait_seconds(let_in, done, rate)[:, None] + figures.latencies(load(let_in, rate))
    # Further tries come after the objective anyway: the median stands for all of them.
    later = [took[:, MEDIAN] + sent.seconds_before(number) for number in range(1, tries)]
    since_first = np.column_stack([took, *later])
    weights = np.column_stack([np.outer(sent.enters[0], WEIGHTS), *sent.enters[1:]])
    p50, p99 = percentiles(since_first, weights, (0.5, 0.99), DAY // 60)
    return DoorDay(
        arrivals,
        fleet.tasks,
        fleet.paid,
        backlog,
        p50,
        p99,
        median=float(percentiles(since_first, weights, (0.5,), 1)[0][0]),
        late=float(weights[since_first > objective_seconds].sum()),
        objective_seconds=objective_seconds,
        requests=sum(map(sum, sent.comes)),
        lost=float(sent.lost),
    )
