"""`make simulate`: runs the days and prints the tables; --write puts them into docs/scaling.md.

python -m deploy.simulate [--write] [--figures FILE]
"""

import worker.interrupts  # noqa: F401 - before all else

# isort: split
import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import track

from deploy.simulate import door_report, images, picture, plans, report
from deploy.simulate.figures import DEFAULT, Figures, Series
from deploy.simulate.plans import COOLDOWNS, LOADS, PEAKS, TRIED_AT, WAITS, Run
from deploy.simulate.policy import GrownFrom
from docs.tools import marked, plot

DOOR_PARTS = ("door verdict", "door rates", "door targets", "door signals")
PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"


def main() -> int:
    """Simulate; 2 when the figures cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m deploy.simulate", description=__doc__)
    parser.add_argument("--figures", type=Path, default=DEFAULT, help="measured times and prices, TOML")
    parser.add_argument("--write", action="store_true", help="into docs/scaling.md, with the pictures")
    options = parser.parse_args()
    try:
        figures = Figures.read(options.figures)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{options.figures}: {error}\n")
        return 2
    console = Console()
    tried = _try_targets(figures, console)
    best = plans.find_best(list(tried.values()))
    days = _run_days(best.plan, figures, console)
    by_image = images.run_days(best, figures)
    texts = _parts(best, tried, days, figures) | {
        "starts": images.starts(figures).markdown(),
        "images": images.by_image(by_image).markdown(),
    }
    texts |= _door_parts({load: tried[load, best.plan.target("backlog")] for load in LOADS}, days, figures)
    for name in ("rates", "targets", "quiet", "cooldowns", "starts", "images", "verdict", *DOOR_PARTS):
        console.print(texts[name], markup=False, soft_wrap=True)
    if options.write:
        _write(texts, _pictures(days, by_image, figures))
        console.print(f"written to {PAGE.name}, with pictures in {PAGE.stem}/")
    return 0


def _try_targets(figures: Figures, console: Console) -> dict[tuple[float, float], Run]:
    photos = plans.draw_photos(TRIED_AT)
    pairs = [(load, float(wait)) for load in LOADS for wait in WAITS]
    return {
        pair: plans.run(plans.make_plan(*pair), photos, figures)
        for pair in track(pairs, "targets", console=console, disable=not console.is_terminal)
    }


def _run_days(plan: plans.Plan, figures: Figures, console: Console) -> dict[float, list[Run]]:
    days: dict[float, list[Run]] = {}
    for peak in track(PEAKS, "rates", console=console, disable=not console.is_terminal):
        photos = plans.draw_photos(peak)
        days[peak] = [plans.run(one, photos, figures) for one in (plan, *plans.rivals(plan, photos, figures))]
    return days


def _parts(
    best: Run, tried: Mapping[tuple[float, float], Run], days: Mapping[float, Sequence[Run]], figures: Figures
) -> dict[str, str]:
    photos, spiky = (plans.draw_photos(TRIED_AT, spikes=spikes) for spikes in (False, True))
    wait = best.plan.target("backlog")
    quiet = {load: plans.run(plans.make_plan(load, wait), photos, figures) for load in LOADS}
    cooldowns = {
        (base, minutes): plans.run(replace(best.plan, cooldown=minutes, grown_from=base), spiky, figures)
        for base in get_args(GrownFrom)
        for minutes in COOLDOWNS
    }
    pictures = "".join(f"\n![{peak:,} photos a second](pictures/scaling/{peak}.svg)\n" for peak in PEAKS)
    return {
        "verdict": report.verdict(best, days),
        "rates": report.by_rate(days).markdown(),
        "pictures": pictures.lstrip("\n"),
        "targets": report.by_targets(tried).markdown(),
        "quiet": report.without_spikes(quiet).markdown(),
        "cooldowns": report.cooldowns(cooldowns).markdown(),
    }


def _door_parts(
    queue: Mapping[float, Run], days: Mapping[float, Sequence[Run]], figures: Figures
) -> dict[str, str]:
    """The door on the same days. `queue`: the queue's run by load target, with the best backlog target."""
    photos = plans.draw_photos(TRIED_AT)
    targets = {
        load: {"queue": queue[load], **_both_clients(plans.make_door_plan(load), photos, figures)}
        for load in LOADS
    }
    best = plans.find_best([list(by_way.values())[-1] for by_way in targets.values()])
    by_rate = {
        peak: {"queue": runs[0], **_both_clients(best.plan, plans.draw_photos(peak), figures)}
        for peak, runs in days.items()
    }
    signals = [
        (
            plans.run_door(plan, photos, figures, tries=figures.door.tries),
            plans.run_door(plan, photos, figures, tries=figures.door.tries, costing=plans.DEAR),
        )
        for plan in (best.plan, *plans.door_rivals(best.plan))
    ]
    texts = (
        door_report.verdict(best, by_rate),
        door_report.by_rate(by_rate).markdown(),
        door_report.by_target(targets).markdown(),
        door_report.by_signal(signals).markdown(),
    )
    return dict(zip(DOOR_PARTS, texts, strict=True))


def _both_clients(plan: plans.Plan, photos: Series, figures: Figures) -> dict[str, Run]:
    tries = figures.door.tries
    return {
        "door, one try": plans.run_door(plan, photos, figures, tries=1),
        f"door, {tries} tries": plans.run_door(plan, photos, figures, tries=tries),
    }


def _pictures(
    days: Mapping[float, Sequence[Run]], by_image: Mapping[tuple[float, str], Run], figures: Figures
) -> dict[str, Figure]:
    """By the names of their files."""
    rate, tight = figures.task.photos_per_second, max(load for load, _ in by_image)
    pictures = {str(peak): picture.day(peak, runs[:2], rate) for peak, runs in days.items()}
    both = [(image, run) for (load, image), run in by_image.items() if load == tight][:2]
    return {**pictures, "images": picture.images(TRIED_AT, dict(both), rate)}


def _write(texts: Mapping[str, str], pictures: Mapping[str, Figure]) -> None:
    PAGE.write_text(marked.fill(PAGE.read_text(), texts))
    folder = PAGE.parent / "pictures" / "scaling"
    folder.mkdir(exist_ok=True)
    for name, figure in pictures.items():
        (folder / f"{name}.svg").write_text(plot.svg(figure))


if __name__ == "__main__":
    sys.exit(main())
