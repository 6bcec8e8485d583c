"""Ways to scale, run over the same days; the cheapest that keeps the objective."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deploy.simulate import arrivals, costs
from deploy.simulate import door as doors
from deploy.simulate.costs import Costs
from deploy.simulate.day import Day, simulate
from deploy.simulate.figures import Figures, Series
from deploy.simulate.policy import OUT_COOLDOWN, GrownFrom, Policy, Scaler

PEAKS = (1, 10, 100, 1000)  # photos per second at the peak of the ordinary day
SEED = 1
MOST = 10_000  # tasks
GOOD = 0.99  # share of the photos that a plan must keep in time
OBJECTIVE_SECONDS = 1.0

LOADS = (0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
WAITS = (1, 5, 15, 30, 60, 120)  # seconds
COOLDOWNS = (1, 2, 3, 4, 5)  # minutes
USUAL = 30  # seconds in which a backlog is gone after an outage, without too many tasks
TRIED_AT = 100  # photos per second
LOOSE = 0.6  # of the CPU: a guard that leaves the load to the other policy
DEAR = 3  # times the cost that the policies take a photo to have


@dataclass(frozen=True, slots=True)
class Plan:
    """Policies; without any, `tasks` run all day."""

    name: str
    policies: tuple[Policy, ...]
    tasks: int = 1
    cooldown: int = OUT_COOLDOWN
    grown_from: GrownFrom = "running"

    def target(self, metric: str) -> float:
        """The target of the policy for this metric; infinite without one."""
        return min((policy.target for policy in self.policies if policy.metric == metric), default=math.inf)


@dataclass(frozen=True, slots=True)
class Run:
    """A day with a plan."""

    plan: Plan
    day: Day
    costs: Costs

    @property
    def a_million(self) -> float:
        """US dollars for a million photos."""
        return self.costs.total / self.day.photos * 1e6

    @property
    def tasks_a_million(self) -> float:
        """US dollars of tasks for a million photos."""
        return self.costs.tasks / self.day.photos * 1e6


def make_plan(load: float, wait: float) -> Plan:
    """Make the template's plan: two policies that scale in only when both agree."""
    policies = (Policy("load", load), Policy("backlog", wait))
    return Plan(f"load {load:g}, backlog {wait:g} s", policies)


def make_door_plan(load: float) -> Plan:
    """Make the plan of the door's template: requests and CPU, with the same target."""
    return Plan(f"requests and CPU, {load:g}", (Policy("load", load), Policy("cpu", load)))


def door_rivals(plan: Plan) -> list[Plan]:
    """Plans to compare the door's with: each signal alone, and CPU as a loose guard."""
    load = plan.target("load")
    return [
        Plan(f"requests alone, {load:g}", (Policy("load", load),)),
        Plan(f"CPU alone, {load:g}", (Policy("cpu", load),)),
        Plan(f"requests {load:g}, CPU {LOOSE:g}", (Policy("load", load), Policy("cpu", LOOSE))),
    ]


def rivals(plan: Plan, photos: Series, figures: Figures) -> list[Plan]:
    """Plans to compare with: each policy alone, and no scaling."""
    enough = math.ceil(photos.max() / figures.task.photos_per_second)
    return [
        Plan("backlog alone, 1 s", (Policy("backlog", OBJECTIVE_SECONDS),)),
        Plan(f"load alone, {plan.target('load'):g}", (Policy("load", plan.target("load")),)),
        Plan(f"always {enough}: the worst second", (), enough),
    ]


def draw_photos(peak: float, *, spikes: bool = True) -> Series:
    """Draw the photos of a day."""
    return arrivals.draw(arrivals.rates(peak, spikes=spikes), SEED)


def run(plan: Plan, photos: Series, figures: Figures, tell: Callable[[int], None] = lambda _: None) -> Run:
    """Run a day; it starts with enough tasks for its first minutes."""
    seconds = figures.task.seconds_per_photo
    first = plan.tasks
    if plan.policies:
        first = max(1, math.ceil(photos[:600].mean() * seconds / min(plan.target("load"), 1)))
    scaler = Scaler(plan.policies, seconds, 1, MOST, plan.cooldown, desired=first, grown_from=plan.grown_from)
    day = simulate(photos, scaler, figures, objective_seconds=OBJECTIVE_SECONDS, tell=tell)
    return Run(plan, day, costs.calculate(day, figures))


def run_door(plan: Plan, photos: Series, figures: Figures, *, tries: int, costing: float = 1.0) -> Run:
    """Run a day of the door. Its photos cost `costing` times what the policies take them to cost."""
    task = figures.task
    slower = task.model_copy(update={"photos_per_second": task.photos_per_second / costing})
    real = figures.model_copy(update={"task": slower})
    least, seconds = figures.door.least_tasks, task.seconds_per_photo
    first = max(least, math.ceil(photos[:600].mean() * seconds * costing / min(plan.target("load"), 1)))
    scaler = Scaler(
        plan.policies, seconds, least, MOST, plan.cooldown, desired=first, grown_from=plan.grown_from
    )
    day = doors.simulate(photos, scaler, real, tries=tries, objective_seconds=OBJECTIVE_SECONDS)
    return Run(plan, day, costs.calculate(day, real))


def find_best(tried: Sequence[Run]) -> Run:
    """Find the cheapest run that is good enough, to the cent, with a backlog target near USUAL.

    Where none is good enough, choose among those that keep most photos in time.
    """
    most = max(one.day.in_time for one in tried)
    good = [one for one in tried if one.day.in_time >= min(GOOD, most)]
    least = min(one.a_million for one in good)
    alike = [one for one in good if one.a_million <= least + 0.005]
    return min(alike, key=lambda one: abs(one.plan.target("backlog") - USUAL))
