"""`make bench`: the worker beside the model alone and beside a plain loop; and where the time of one photo goes."""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from localstack.services import ServicesError
from tests.bench import report
from tests.bench.measures import measure, steps
from tests.bench.processes import BenchError
from tests.bench.rig import rig

OUT = Path("bench-out")
FEWEST = 20  # photos of a burst; fewer would measure its start and end only
OK, FAILED, INTERRUPTED = 0, 1, 130  # exit codes


def main() -> int:
    """Measure, print and write; 1 when a photo was lost or something did not start."""
    options = _options()
    console = Console()
    console.width = max(110, console.width)
    try:
        measured = _measured(options.rounds, options.photos, console)
    except (BenchError, ServicesError) as error:
        console.print(str(error), style="red", markup=False, highlight=False)
        return FAILED
    except KeyboardInterrupt:
        console.print("stopped; nothing is written")
        return INTERRUPTED
    for table in report.tables(measured):
        console.print(table)
    if warning := report.warning(measured):
        console.print(warning, style="yellow")
    OUT.mkdir(exist_ok=True)
    (OUT / "bench.json").write_text(json.dumps(measured, indent=2, ensure_ascii=False) + "\n")
    console.print(f"written to {OUT}/bench.json")
    return OK


def _measured(rounds: int, photos: int, console: Console) -> dict[str, Any]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress, tempfile.TemporaryDirectory() as folder:
        task = progress.add_task("starting LocalStack, Valkey and the worker", total=steps(rounds) + 1)

        def tell(what: str) -> None:
            progress.update(task, description=what, advance=1)

        with rig(Path(folder)) as made:
            measured = measure(made, rounds, photos, tell)
        progress.update(task, description="done", advance=1)
    return {"machine": report.machine(), "rounds": rounds, "photos": photos, **measured}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="medians are taken over so many (default 3)")
    parser.add_argument("--photos", type=int, default=400, help="photos of a burst (default 400)")
    options = parser.parse_args()
    if options.rounds < 1 or options.photos < FEWEST:
        parser.error(f"--rounds must be 1 or more, --photos {FEWEST} or more")
    return options


if __name__ == "__main__":
    sys.exit(main())
