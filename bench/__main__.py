"""`make bench`: starts, throughput beside rivals, PUT to result, the door, an accelerator, duplicates."""

import worker.interrupts  # noqa: F401 - before all else

# isort: split
import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench.accelerator import accelerator, whole_path
from bench.door import door
from bench.duplicates import cost
from bench.duplicates.index import growth
from bench.duplicates.quality import recognition
from bench.fetch import fetch
from bench.formats import formats
from bench.hostile import hostile
from bench.latency import latency
from bench.pages import pictures, report
from bench.processes import BenchError, ask_module
from bench.rig import MODEL, BenchRig, start_rig
from bench.start import start
from bench.throughput import throughput
from localstack.services import ServicesError

OUT = Path("bench-out")
FEWEST = 20  # photos of a burst; fewer would only measure its start and end
SHORTEST = 2.0  # seconds of a load
PARTS = ("start", "throughput", "latency", "hostile", "door", "accelerator", "fetch", "formats", "duplicates")
GROUPS = {  # names of several parts
    "all": PARTS,
    "speed": (
        "start",
        "throughput",
        "latency",
        "hostile",
        "accelerator",
        "fetch",
        "formats",
    ),  # docs/performance.md
}
ALONE = {"fetch", "formats"}  # parts that need no services and no worker
WITHIN = 120.0  # seconds that measuring the model alone may take
Tell = Callable[[str], None]  # gets what comes next
Job = tuple[
    str, str, Callable[[], dict[str, Any]]
]  # its part, the name of its figures, and what measures them
OK, FAILED, INTERRUPTED = 0, 1, 130  # exit codes


def main() -> int:
    """Measure, print and write; 1 when a photo was lost or something did not start."""
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends what runs, as Ctrl-C does
    console = Console()
    console.width = max(110, console.width)
    try:
        measured = _measure(options, console)
    except (BenchError, ServicesError) as error:
        console.print(str(error), style="red", markup=False, highlight=False)
        return FAILED
    except KeyboardInterrupt:
        console.print("stopped; nothing was written")
        return INTERRUPTED
    for table in report.tables(measured):
        console.print(table)
    if warning := report.warning(measured):
        console.print(warning, style="yellow")
    console.print(f"minutes: {', '.join(f'{part} {m:.1f}' for part, m in measured['minutes'].items())}")
    OUT.mkdir(exist_ok=True)
    measured = go_on(OUT / "bench.json", measured)
    (OUT / "bench.json").write_text(json.dumps(measured, indent=2, ensure_ascii=False) + "\n")
    console.print(f"written to {OUT}: {', '.join(['bench.json', *pictures.write(measured, OUT)])}")
    return OK


def go_on(path: Path, measured: dict[str, Any]) -> dict[str, Any]:
    """Add the parts of the run before, if it was of the same day, machine, code and options: both are one run."""
    before = json.loads(path.read_text()) if path.exists() else {}
    if any(before.get(name) != measured[name] for name in ("date", "machine", "code", "options")):
        return measured
    minutes = {**before["minutes"], **measured["minutes"]}
    return {**before, **measured, "minutes": minutes}


def _measure(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    parts = GROUPS.get(options.part, (options.part,))
    with Progress(*columns, console=console) as progress:
        total = _count_steps(parts, options.rounds)
        task = progress.add_task("starting LocalStack, Valkey and the worker", total=total)

        def tell(what: str) -> None:
            progress.update(task, description=what, advance=1)

        measured = _measure_parts(parts, options, tell)
        progress.update(task, description="done", advance=1)
    how = {"rounds": options.rounds, "photos": options.photos, "seconds": options.seconds}
    how["objects"] = options.objects
    when = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "code": report.code()}
    return {"machine": report.machine(), **when, "options": how, **measured}


def _measure_parts(parts: tuple[str, ...], options: argparse.Namespace, tell: Tell) -> dict[str, Any]:
    """Run the parts one after the other; the worker stops before the parts that do without it."""
    measured, minutes = dict[str, Any](), dict.fromkeys(parts, 0.0)

    def run(jobs: Iterable[Job]) -> None:
        for part, name, measure in jobs:
            if part in parts:
                begun = time.monotonic()
                measured[name] = measured.get(name, {}) | measure()
                minutes[part] += (time.monotonic() - begun) / 60

    if set(parts) - ALONE:
        with tempfile.TemporaryDirectory() as folder, start_rig(Path(folder)) as rig:
            measured["engine"] = rig.engine()
            run(_beside_a_worker(rig, Path(folder), options, tell))
    run(_alone(options, tell))
    return {**measured, "minutes": minutes}


def _beside_a_worker(rig: BenchRig, folder: Path, options: argparse.Namespace, tell: Tell) -> Iterable[Job]:
    rounds, photos, seconds = options.rounds, options.photos, options.seconds
    late, objects = options.memory_photos, options.objects
    return (
        ("start", "start", lambda: start.measure(folder, rounds, tell)),
        ("throughput", "throughput", lambda: throughput.measure(rig, rounds, photos, tell, late)),
        ("throughput", "batch_sizes", lambda: _batch_sizes(tell)),
        ("latency", "latency", lambda: latency.measure(rig, seconds, objects, tell)),
        ("hostile", "hostile", lambda: hostile.measure(rig, seconds, tell)),
        ("door", "door", lambda: door.measure(rig, folder, rounds, seconds, tell)),
        ("duplicates", "duplicates", lambda: {"throughput": cost.measure(rig, folder, rounds, photos, tell)}),
        ("accelerator", "accelerator", lambda: {"whole_path": whole_path.measure(rig, folder, rounds, tell)}),
    )


def _alone(options: argparse.Namespace, tell: Tell) -> Iterable[Job]:
    return (
        ("accelerator", "accelerator", lambda: accelerator.measure(tell)),
        ("fetch", "fetch", lambda: fetch.measure(options.rounds, tell)),
        ("fetch", "queue_calls", lambda: fetch.measure_calls(options.rounds, tell)),
        ("formats", "formats", lambda: formats.measure(options.rounds, tell)),
        ("duplicates", "duplicates", lambda: {"index": growth.measure(tell)}),
        ("duplicates", "duplicates", lambda: {"quality": recognition.measure(tell)}),
    )


def _batch_sizes(tell: Tell) -> dict[str, Any]:
    tell("model alone, by batch size")
    rates: dict[str, Any] = ask_module("bench.throughput.batch_sizes", str(MODEL), within=WITHIN)
    return rates


def _count_steps(parts: tuple[str, ...], rounds: int) -> int:
    """Count the progress reports of the parts, and the end."""
    of_part = {
        "start": start.steps(rounds),
        "throughput": throughput.steps(rounds) + 1,
        "latency": latency.steps(),
        "hostile": hostile.STEPS,
        "door": door.steps(rounds),
        "accelerator": accelerator.steps(rounds),
        "fetch": fetch.STEPS,
        "formats": formats.STEPS,
        "duplicates": cost.steps(rounds) + growth.steps() + recognition.STEPS,
    }
    return sum(of_part[part] for part in parts) + 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--part", choices=[*PARTS, *GROUPS], default="all", help="measure one part alone (default all)"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="rounds that medians are taken over (default 3)"
    )
    parser.add_argument("--photos", type=int, default=400, help="photos of a burst (default 400)")
    parser.add_argument("--seconds", type=float, default=20.0, help="duration of each load (default 20)")
    parser.add_argument(
        "--objects", type=int, default=1000, help="photos of the original benchmark (default 1000)"
    )
    parser.add_argument(
        "--memory-photos",
        type=int,
        default=throughput.LATE,
        help=f"photos after which memory is read again (default {throughput.LATE})",
    )
    options = parser.parse_args()
    if options.memory_photos <= throughput.EARLY:
        parser.error(f"--memory-photos must be more than {throughput.EARLY}")
    if options.rounds < 1 or min(options.photos, options.objects) < FEWEST or options.seconds < SHORTEST:
        parser.error(
            f"--rounds must be 1 or more, --photos and --objects {FEWEST}, --seconds {SHORTEST:g} or more"
        )
    return options


if __name__ == "__main__":
    sys.exit(main())
