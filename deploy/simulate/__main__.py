"""`make simulate`: runs the days, prints the tables, and with --write puts them and the pictures into docs/scaling.md.

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
from docs import marked, plot

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"


def main() -> int:
    """Simulate; 2 with one line where the figures cannot be read."""
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
    swept = _swept(figures, console)
    best = plans.best(list(swept.values()))
    days = _days(best.plan, figures, console)
    texts = _texts(best, swept, days, figures)
    for name in ("rates", "targets", "quiet", "cooldowns", "verdict"):
        console.print(texts[name], markup=False, soft_wrap=True)
    if options.write:
        _write(texts, days, figures)
        console.print(f"written to {PAGE.name}, with pictures in {PAGE.stem}/")
    return 0


def _swept(figures: Figures, console: Console) -> dict[tuple[float, float], Run]:
    photos = plans.photos_of_a_day(TRIED_AT)
    pairs = [(load, float(wait)) for load in LOADS for wait in WAITS]
    return {
        pair: plans.run(plans.of_both(*pair), photos, figures)
        for pair in track(pairs, "targets", console=console, disable=not console.is_terminal)
    }


def _days(plan: plans.Plan, figures: Figures, console: Console) -> dict[float, list[Run]]:
    days: dict[float, list[Run]] = {}
    for peak in track(PEAKS, "rates", console=console, disable=not console.is_terminal):
        photos = plans.photos_of_a_day(peak)
        days[peak] = [plans.run(one, photos, figures) for one in (plan, *plans.rivals(plan, photos, figures))]
    return days


def _texts(
    best: Run,
    swept: Mapping[tuple[float, float], Run],
    days: Mapping[float, Sequence[Run]],
    figures: Figures,
) -> dict[str, str]:
    photos, spiky = (plans.photos_of_a_day(TRIED_AT, spikes=spikes) for spikes in (False, True))
    wait = best.plan.target("backlog")
    quiet = {load: plans.run(plans.of_both(load, wait), photos, figures) for load in LOADS}
    cooled = {
        (base, minutes): plans.run(replace(best.plan, cooldown=minutes, grown_from=base), spiky, figures)
        for base in get_args(GrownFrom)
        for minutes in COOLDOWNS
    }
    shown = "".join(f"\n![{peak:,} photos a second](scaling/{peak}.svg)\n" for peak in PEAKS)
    return {
        "verdict": report.verdict(best, days),
        "rates": report.by_rate(days).markdown(),
        "pictures": shown.lstrip("\n"),
        "targets": report.tried(swept).markdown(),
        "quiet": report.quiet(quiet).markdown(),
        "cooldowns": report.cooldowns(cooled).markdown(),
    }


def _write(texts: Mapping[str, str], days: Mapping[float, Sequence[Run]], figures: Figures) -> None:
    PAGE.write_text(marked.fill(PAGE.read_text(), texts))
    folder = PAGE.with_suffix("")
    folder.mkdir(exist_ok=True)
    for peak, runs in days.items():
        figure = picture.day(peak, runs[:2], figures.task.photos_per_second)
        (folder / f"{peak}.svg").write_text(plot.svg(figure))


if __name__ == "__main__":
    sys.exit(main())
