"""Target tracking as AWS does it: two alarms per metric, and the number of tasks when one fires.

Sources: "How target tracking scaling for Application Auto Scaling works" (cooldowns; capacity is
added for any policy, removed only when all agree; scaling out is proportional, scaling in gradual),
and the alarms that it creates, as CloudWatch shows them: three minutes above the target, fifteen
minutes below nine tenths of it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

OUT_MINUTES, IN_MINUTES = 3, 15
OUT_COOLDOWN, IN_COOLDOWN = 4, 5  # minutes, as in the template
IN_PART = 0.9  # of the target
# The tasks that metric ÷ target multiplies. AWS does not say which; only `desired` counts starting tasks.
GrownFrom = Literal["running", "desired"]
MOST_AT_ONCE = 0.5  # the share of the tasks that scaling in removes at most at a time


class Minute(NamedTuple):
    """What CloudWatch knows of one minute."""

    visible: float  # messages, average
    sent: float  # messages or requests
    tasks: float  # running, average
    busy: float = 0.0  # share of their capacity that the tasks use, average


@dataclass(frozen=True, slots=True)
class Policy:
    """One target-tracking policy by metric math."""

    metric: Literal["backlog", "load", "cpu"]
    target: float  # backlog: seconds of work for each task; load: share of its capacity asked for; cpu: used

    def value(self, minute: Minute, seconds_per_photo: float) -> float:
        """The value of the metric."""
        if self.metric == "cpu":
            return minute.busy
        photos = minute.visible if self.metric == "backlog" else minute.sent / 60
        return photos / max(minute.tasks, 1) * seconds_per_photo


@dataclass(slots=True)
class Scaler:
    """Decides once a minute how many tasks should run. Cooldowns are in minutes."""

    policies: Sequence[Policy]
    seconds_per_photo: float
    least: int
    most: int
    out_cooldown: int = OUT_COOLDOWN
    in_cooldown: int = IN_COOLDOWN
    desired: int = 0
    grown_from: GrownFrom = "running"
    _minutes: list[Minute] = field(default_factory=list)
    _out_since: int = 1_000_000
    _in_since: int = 1_000_000

    def decide(self, minute: Minute) -> int:
        """Take the next minute; return how many tasks should run from now on."""
        self._minutes = [*self._minutes, minute][-IN_MINUTES:]
        self._out_since += 1
        self._in_since += 1
        out = max((self._scale_out_to(policy) for policy in self.policies), default=0)
        if out > self.desired and self._out_since >= self.out_cooldown:
            self.desired, self._out_since = min(self.most, out), 0
        elif self.policies and min(self._in_since, self._out_since) >= self.in_cooldown:
            self._scale_in()
        return self.desired

    def _scale_in(self) -> None:
        counts = [self._scale_in_to(policy) for policy in self.policies]
        agreed = [count for count in counts if count is not None]
        if len(agreed) == len(counts):
            floor = math.ceil(self.desired * (1 - MOST_AT_ONCE))
            tasks = max(self.least, floor, *agreed)
            if tasks < self.desired:
                self.desired, self._in_since = tasks, 0

    def _scale_out_to(self, policy: Policy) -> int:
        """Tasks that bring the metric down to its target, if it was above for long enough; else 0."""
        last = [policy.value(minute, self.seconds_per_photo) for minute in self._minutes[-OUT_MINUTES:]]
        if len(last) < OUT_MINUTES or min(last) <= policy.target:
            return 0
        tasks = self._minutes[-1].tasks if self.grown_from == "running" else self.desired
        return math.ceil(tasks * last[-1] / policy.target - 1e-9)

    def _scale_in_to(self, policy: Policy) -> int | None:
        """Tasks that keep it below its target, if it was well below for long enough; else None."""
        values = [policy.value(minute, self.seconds_per_photo) for minute in self._minutes]
        if len(values) < IN_MINUTES or max(values) >= policy.target * IN_PART:
            return None
        return math.ceil(self._minutes[-1].tasks * values[-1] / policy.target - 1e-9)
