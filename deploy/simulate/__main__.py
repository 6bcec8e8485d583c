"""`make simulate`: runs the days and prints the tables; --write puts them into docs/scaling.md.

python -m deploy.simulate [--write] [--figures FILE]
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from rich.console import Console
from rich.progress import track

from deploy.simulate import picture, plans, report
from deploy.simulate.figures import DEFAULT, Figures
from deploy.simulate.plans import COOLDOWNS, LOADS, PEAKS, TRIED_AT, WAITS, Run
from deploy.simulate.policy import GrownFrom
from docs.tools import marked, plot

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
    texts = _parts(best, tried, days, figures)
    for name in ("rates", "targets", "quiet", "cooldowns", "verdict"):
        console.print(texts[name], markup=False, soft_wrap=True)
    if options.write:
        _write(texts, days, figures)
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


def _write(texts: Mapping[str, str], days: Mapping[float, Sequence[Run]], figures: Figures) -> None:
    PAGE.write_text(marked.fill(PAGE.read_text(), texts))
    folder = PAGE.parent / "pictures" / "scaling"
    folder.mkdir(exist_ok=True)
    for peak, runs in days.items():
        figure = picture.day(peak, runs[:2], figures.task.photos_per_second)
        (folder / f"{peak}.svg").write_text(plot.svg(figure))


if __name__ == "__main__":
    sys.exit(main())
