"""Target tracking as AWS does it: two alarms on a metric of each minute, and what is wished for when one goes off.

Sources: "How target tracking scaling for Application Auto Scaling works" (cooldowns; capacity is added for any policy,
removed only when all agree; scaling out is proportional, scaling in gradual) and the alarms that it creates, which
CloudWatch shows: three minutes above the target, fifteen minutes below nine tenths of it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

OUT_MINUTES, IN_MINUTES = 3, 15
OUT_COOLDOWN, IN_COOLDOWN = 4, 5  # minutes, as in the template
IN_PART = 0.9  # of the target
# The tasks that metric ÷ target is multiplied with. AWS does not say which; a task that starts is in the second only.
GrownFrom = Literal["running", "desired"]
MOST_AT_ONCE = 0.5  # scaling in removes at most this part of the tasks in one go


class Minute(NamedTuple):
    """What CloudWatch knows of one minute."""

    visible: float  # messages, average
    sent: float  # messages
    tasks: float  # running, average


@dataclass(frozen=True, slots=True)
class Policy:
    """One target-tracking policy by metric math."""

    metric: Literal["backlog", "load"]
    target: float  # backlog: seconds of work that wait for each task; load: share of a task's capacity

    def value(self, minute: Minute, seconds_per_photo: float) -> float:
        """What the expression gives."""
        photos = minute.visible if self.metric == "backlog" else minute.sent / 60
        return photos / max(minute.tasks, 1) * seconds_per_photo


@dataclass(slots=True)
class Scaler:
    """Decides once a minute how many tasks are wished for. Cooldowns in minutes."""

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
        """Hear of another minute, as late as it comes; how many tasks are wished for from now on."""
        self._minutes = [*self._minutes, minute][-IN_MINUTES:]
        self._out_since += 1
        self._in_since += 1
        out = max((self._wish_out(policy) for policy in self.policies), default=0)
        if out > self.desired and self._out_since >= self.out_cooldown:
            self.desired, self._out_since = min(self.most, out), 0
        elif self.policies and min(self._in_since, self._out_since) >= self.in_cooldown:
            self._scale_in()
        return self.desired

    def _scale_in(self) -> None:
        wishes = [self._wish_in(policy) for policy in self.policies]
        if all(wish is not None for wish in wishes):
            wish = max(wish for wish in wishes if wish is not None)
            floor = math.ceil(self.desired * (1 - MOST_AT_ONCE))
            wanted = max(self.least, floor, wish)
            if wanted < self.desired:
                self.desired, self._in_since = wanted, 0

    def _wish_out(self, policy: Policy) -> int:
        """As many tasks as bring the metric down to its target, when it was above for long enough."""
        last = [policy.value(minute, self.seconds_per_photo) for minute in self._minutes[-OUT_MINUTES:]]
        if len(last) < OUT_MINUTES or min(last) <= policy.target:
            return 0
        tasks = self._minutes[-1].tasks if self.grown_from == "running" else self.desired
        return math.ceil(tasks * last[-1] / policy.target - 1e-9)

    def _wish_in(self, policy: Policy) -> int | None:
        """As few as keep it below its target, when it was well below for long enough; else None."""
        values = [policy.value(minute, self.seconds_per_photo) for minute in self._minutes]
        if len(values) < IN_MINUTES or max(values) >= policy.target * IN_PART:
            return None
        return math.ceil(self._minutes[-1].tasks * values[-1] / policy.target - 1e-9)
