"""The same day with tasks of each image: how long a new task takes, and what becomes of the spikes meanwhile."""

from collections.abc import Mapping

import numpy as np

from deploy.simulate import plans
from deploy.simulate.figures import Figures
from deploy.simulate.plans import TRIED_AT, Run
from deploy.simulate.report import seconds, share
from docs.tools.table import Table

TIGHT = (0.4, 0.6)  # load targets at which spikes need new tasks


def run_days(best: Run, figures: Figures) -> dict[tuple[float, str], Run]:
    """Run the day for each image, with the best plan and with tighter ones. By load target and image."""
    photos, wait = plans.draw_photos(TRIED_AT), best.plan.target("backlog")
    return {
        (load, image.name): plans.run(plans.make_plan(load, wait), photos, figures.on(image.name))
        for load in (best.plan.target("load"), *TIGHT)
        for image in figures.image
    }


def starts(figures: Figures) -> Table:
    """What a new task takes until its first photo, step by step."""
    rows = [
        [
            image.name,
            f"{image.mb:,.0f} MB",
            f"{own.start.place_seconds:.0f}",
            f"{own.pull_seconds:.0f}",
            f"{own.warm_seconds:.1f}",
            f"{own.start_seconds:.0f}",
        ]
        for image, own in ((image, figures.on(image.name)) for image in figures.image)
    ]
    heads = ["image", "size", "until the pull, s", "pull, s", "until it polls, s", "in all, s"]
    return Table("From the request for a task to its first photo", heads, rows)


def by_image(days: Mapping[tuple[float, str], Run]) -> Table:
    """What becomes of the photos, by load target and image."""
    rows = [
        [
            f"{load:g}",
            image,
            share(one.day.in_time),
            f"{one.day.late:,.0f}",
            f"{np.sum(one.day.p99 > one.day.objective_seconds)}",
            seconds(float(np.nanmax(one.day.p99))),
            f"{one.day.backlog.max():,.0f}",
            f"{one.tasks_a_million:.2f}",
        ]
        for (load, image), one in days.items()
    ]
    heads = ["load target", "image", "in time", "late photos", "minutes with a p99 above a second"]
    return Table(
        f"One day by image, {TRIED_AT} photos/s",
        [*heads, "p99, worst minute", "most waiting", "$ a million: tasks"],
        rows,
    )
