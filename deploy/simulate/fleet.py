"""The tasks of a simulated day: how many work, start and are paid for, as the scaler decides each minute."""

from collections import deque

import numpy as np

from deploy.simulate.arrivals import DAY
from deploy.simulate.policy import Minute, Scaler

LATE = 1  # minutes until CloudWatch has the metrics of a minute


class Fleet:
    """Call `begin` and then `end` for each second of the day."""

    def __init__(self, scaler: Scaler, start_seconds: float, warm_seconds: float = 0.0) -> None:
        """A task starts for `start_seconds`, the last `warm_seconds` of them with all its CPU."""
        self.tasks, self.paid = np.zeros(DAY), np.zeros(DAY)  # that work; that run, starting ones included
        self._scaler = scaler
        self._start_seconds, self._warm_seconds = start_seconds, warm_seconds
        self._working = scaler.desired
        self._starting = deque[tuple[float, int]]()  # (second, tasks), in order
        self._known = deque[Minute]()  # minutes that CloudWatch does not have yet
        self._asked, self._visible, self._busy = np.zeros(DAY), np.zeros(DAY), np.zeros(DAY)

    def begin(self, second: int) -> int:
        """Let tasks work that have started; return how many do."""
        while self._starting and self._starting[0][0] <= second:
            self._working += self._starting.popleft()[1]
        self.tasks[second] = self._working
        self.paid[second] = self._present()
        return self._working

    def end(self, second: int, *, asked: float, visible: float, busy: float) -> None:
        """Note what came, what waits where CloudWatch sees it, and the busy share of the tasks."""
        self._asked[second], self._visible[second] = asked, visible
        warming = sum(count for ready, count in self._starting if ready - second <= self._warm_seconds)
        self._busy[second] = (busy * self._working + warming) / (self._working + warming)
        if second % 60 != 59:
            return
        self._known.append(self._minute(slice(second - 59, second + 1)))
        if len(self._known) > LATE:
            desired = self._scaler.decide(self._known.popleft())
            self._adjust(desired, second + self._start_seconds)

    def _minute(self, seconds: slice) -> Minute:
        means = (float(series[seconds].mean()) for series in (self._visible, self.tasks, self._busy))
        visible, tasks, busy = means
        return Minute(visible, float(self._asked[seconds].sum()), tasks, busy)

    def _present(self) -> int:
        return self._working + sum(count for _, count in self._starting)

    def _adjust(self, desired: int, ready: float) -> None:
        """Start missing tasks; stop surplus ones, starting ones first."""
        present = self._present()
        if desired > present:
            self._starting.append((ready, desired - present))
        excess = max(0, present - desired)
        while excess and self._starting:
            when, count = self._starting.pop()
            if count > excess:
                self._starting.append((when, count - excess))
            excess = max(0, excess - count)
        self._working -= excess
