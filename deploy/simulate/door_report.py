"""The simulated days of the door as tables, beside the queue's."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from deploy.simulate.door import DoorDay
from deploy.simulate.plans import DEAR, TRIED_AT, Run
from deploy.simulate.report import reached, seconds, share
from docs.tools.table import Table


def by_rate(days: Mapping[float, Mapping[str, Run]]) -> Table:
    """The queue, and the door with clients of both kinds, at each rate."""
    rows = [
        [
            f"{peak:,}",
            who,
            f"{one.day.paid.mean():,.1f}",
            f"{one.day.paid.max():,.0f}",
            *_fates(one),
            seconds(float(np.nanmax(one.day.p99))),
            f"{one.a_million:.2f}",
            f"{one.tasks_a_million:.2f}",
        ]
        for peak, runs in days.items()
        for who, one in runs.items()
    ]
    heads = ["photos/s", "way in", "mean tasks", "most tasks", "in time", "late", "lost", "p99, worst minute"]
    return Table("The same day by both ways", [*heads, "$ a million", "of that: tasks"], rows)


def _fates(one: Run) -> tuple[str, str, str]:
    """Shares in time, late and lost; the last two are rounded up, so that some never look like none."""
    day = one.day
    lost = day.lost if isinstance(day, DoorDay) else 0.0
    return share(day.in_time), _at_most(day.late / day.photos), _at_most(lost / day.photos)


def _at_most(value: float) -> str:
    return f"{math.ceil(value * 10_000 - 1e-6) / 100:.2f}%"


def by_target(runs: Mapping[float, Mapping[str, Run]]) -> Table:
    """What becomes of the photos, and dollars of tasks a million, by load target and way in."""
    rows = [
        [f"{load:g}", *(f"{' / '.join(_fates(one))}, ${one.tasks_a_million:.2f}" for one in by_way.values())]
        for load, by_way in runs.items()
    ]
    title = f"In time / late / lost, and cost of the tasks for a million photos, {TRIED_AT} photos/s"
    return Table(title, ["load target", *next(iter(runs.values()))], rows)


def by_signal(runs: Sequence[tuple[Run, Run]]) -> Table:
    """Plans of the door with photos that cost what the policies think, and with dearer ones."""
    rows = [
        [
            usual.plan.name,
            *(
                cell
                for one in (usual, dear)
                for cell in (*_fates(one), f"{one.day.paid.max():,.0f}", f"{one.tasks_a_million:.2f}")
            ),
        ]
        for usual, dear in runs
    ]
    heads = ["in time", "late", "lost", "most tasks", "$ a million: tasks"]
    title = f"What the door scales by, {TRIED_AT} photos/s; then with photos that cost {DEAR} times as much"
    return Table(title, ["plan", *heads, *(f"{DEAR} ×: {head}" for head in heads)], rows)


def verdict(best: Run, days: Mapping[float, Mapping[str, Run]]) -> str:
    """The recommendation for the door in a sentence, and what photos cost there and by the queue."""
    costs = ", ".join(
        f"${door.a_million:,.2f} at {peak:,} a second (by the queue ${queue.a_million:,.2f})"
        for peak, (queue, *_, door) in ((peak, tuple(runs.values())) for peak, runs in days.items())
    )
    return (
        f"**Load target {best.plan.target('load'):g}**: {reached(best)} of the photos within the second on a day "
        f"with spikes, though refused clients try again. A million photos then cost {costs}.\n"
    )
