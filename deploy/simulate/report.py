"""The simulated days as tables."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from deploy.simulate.plans import COOLDOWNS, GOOD, LOADS, TRIED_AT, WAITS, Run
from deploy.simulate.policy import GrownFrom
from docs.tools.table import Table


def by_rate(days: Mapping[float, Sequence[Run]]) -> Table:
    """A row for each plan at each rate."""
    rows = [_row(peak, one) for peak, runs in days.items() for one in runs]
    heads = [
        "photos/s",
        "plan",
        "mean tasks",
        "most tasks",
        "in time",
        "p50",
        "p99, worst minute",
        "most waiting",
        "$ a million",
    ]
    return Table("One day, by rate and by plan", [*heads, "of that: tasks"], rows)


def _row(peak: float, one: Run) -> list[str]:
    day = one.day
    return [
        f"{peak:,}",
        one.plan.name,
        f"{day.paid.mean():,.1f}",
        f"{day.paid.max():,.0f}",
        share(day.in_time),
        f"{day.median * 1000:,.0f} ms",
        seconds(float(np.nanmax(day.p99))),
        f"{day.backlog.max():,.0f}",
        f"{one.a_million:.2f}",
        f"{one.tasks_a_million:.2f}",
    ]


def share(value: float) -> str:
    """Format as per cent, rounded down: a share below a limit must not look as if it reached it."""
    return f"{math.floor(value * 10_000 + 1e-6) / 100:.2f}%"


def seconds(value: float) -> str:
    """Format a time: milliseconds below ten seconds."""
    return f"{value * 1000:,.0f} ms" if value < 10 else f"{value:,.0f} s"


def by_targets(runs: Mapping[tuple[float, float], Run]) -> Table:
    """Share in time, and dollars of tasks a million, by load target and backlog target."""
    rows = [
        [
            f"{load:g}",
            *(
                f"{share(runs[load, wait].day.in_time)}, ${runs[load, wait].tasks_a_million:.2f}"
                for wait in WAITS
            ),
        ]
        for load in LOADS
    ]
    title = f"Share in time and cost of the tasks for a million photos, {TRIED_AT} photos/s, by the policies' targets"
    return Table(title, ["load target ↓ backlog target →", *(f"{wait} s" for wait in WAITS)], rows)


def without_spikes(runs: Mapping[float, Run]) -> Table:
    """The same day without its spikes, by load target."""
    rows = [
        [
            f"{load:g}",
            share(one.day.in_time),
            seconds(float(np.nanmax(one.day.p99))),
            f"{one.tasks_a_million:.2f}",
        ]
        for load, one in runs.items()
    ]
    return Table(
        f"The same day without spikes, {TRIED_AT} photos/s",
        ["load target", "in time", "p99, worst minute", "$ a million: tasks"],
        rows,
    )


def cooldowns(runs: Mapping[tuple[GrownFrom, int], Run]) -> Table:
    """The two ways in which AWS may calculate, by scale-out cooldown."""
    rows = []
    for minutes in COOLDOWNS:
        pair = runs["running", minutes], runs["desired", minutes]
        cells = [(f"{one.day.paid.max():,.0f}", f"{one.tasks_a_million:.2f}") for one in pair]
        rows.append([f"{minutes} min", *cells[0], *cells[1]])
    heads = [
        "cooldown",
        "from running: most tasks",
        "$ a million: tasks",
        "from desired: most tasks",
        "$ a million: tasks",
    ]
    return Table(f"Scaling out from running or from desired tasks, {TRIED_AT} photos/s", heads, rows)


def verdict(best: Run, runs: Mapping[float, Sequence[Run]]) -> str:
    """The recommendation in a sentence, and what photos cost."""
    load, wait = best.plan.target("load"), best.plan.target("backlog")
    costs = ", ".join(f"${some[0].a_million:,.2f} at {peak:,} a second" for peak, some in runs.items())
    return (
        f"**Load target {load:g}, backlog target {wait:g} s**: {reached(best)} of the photos "
        f"within the second on a day with spikes. A million photos then cost {costs}.\n"
    )


def reached(best: Run) -> str:
    """What the recommended run keeps, up to the words "of the photos"."""
    if best.day.in_time < GOOD:
        return f"no target tried keeps {GOOD:.0%}; this one keeps most, {share(best.day.in_time)}"
    return f"the cheapest of those tried that keeps {GOOD:.0%}"
