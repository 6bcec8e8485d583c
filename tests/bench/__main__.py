"""`make bench`: the worker beside the model alone and beside a plain loop; and where the time of one photo goes."""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from tests.bench import report
from tests.bench.photos import SIZES, jpegs
from tests.bench.rig import LostError, Rig, alone, rig
from worker import settings
from worker.client import Client

OUT = Path("bench-out")
PLAIN_SHARE = 5  # the plain loop gets one photo for so many of the worker's, or it would take all the time
LATENCY_PHOTOS = 60


def main() -> int:
    """Measure, print and write; 1 when a photo was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="medians are taken over so many (default 3)")
    parser.add_argument("--photos", type=int, default=300, help="photos of a burst (default 300)")
    options = parser.parse_args()
    console = Console(width=max(100, Console().width))
    try:
        with tempfile.TemporaryDirectory() as folder, console.status("starting"), rig(Path(folder)) as made:
            measured = measure(made, console, options.rounds, options.photos)
    except LostError as error:
        console.print(f"[red]{error}")
        return 1
    for table in report.tables(measured):
        console.print(table)
    OUT.mkdir(exist_ok=True)
    (OUT / "bench.json").write_text(json.dumps(measured, indent=2))
    console.print(f"written to {OUT}/bench.json")
    return 0


def measure(made: Rig, console: Console, rounds: int, photos: int) -> dict[str, Any]:
    """Run all rounds, the kinds and the contestants interleaved."""
    rows: dict[str, list[dict[str, float]]] = {kind: [] for kind in SIZES}
    samples = {kind: jpegs(kind) for kind in SIZES}
    with Progress(console=console) as progress:
        task = progress.add_task("rounds", total=rounds * len(SIZES) + 1)
        for kind in SIZES:
            made.burst(kind, -1, samples[kind], 40)  # a warm-up that does not count
        for number in range(rounds):
            for kind in SIZES:
                progress.update(task, description=f"round {number + 1}, {kind}")
                rows[kind].append(one_round(made, kind, number, samples[kind], photos))
                progress.advance(task)
        progress.update(task, description="one photo at a time")
        latency = one_at_a_time(samples["small"])
        progress.advance(task)
    medians = {
        kind: {name: statistics.median(r[name] for r in rs) for name in rs[0]} for kind, rs in rows.items()
    }
    return {
        "machine": machine(),
        "rounds": rounds,
        "photos": photos,
        "throughput": medians,
        "every_round": rows,
        "latency_ms": latency,
        "worker_peak_memory_mb": made.peak_memory_mb(),
    }


def one_round(made: Rig, kind: str, number: int, photos: list[bytes], count: int) -> dict[str, float]:
    """Worker, model alone and plain loop, one after the other."""
    worker = made.burst(kind, number, photos, count)
    bare: dict[str, float] = json.loads(alone(kind))
    few = max(1, count // PLAIN_SHARE)
    plain = made.plain_loop(kind, number, photos, few)
    cores = os.cpu_count() or 1
    limit = cores * 1000 / (bare["infer_cpu_ms"] + bare["decode_cpu_ms"])
    shared = cores * 1000 / (bare["infer_cpu_ms"] + bare["decode_cpu_ms"] + worker["services_cpu_ms"])
    return {
        **worker,
        **bare,
        "limit_per_s": limit,
        "limit_with_services_per_s": shared,
        "plain_per_s": plain,
        "worker_to_model_alone": worker["photos_per_s"] / bare["images_per_s"],
        "worker_to_limit": worker["photos_per_s"] / limit,
        "worker_to_limit_with_services": worker["photos_per_s"] / shared,
        "worker_to_plain": worker["photos_per_s"] / plain,
        "same_score": made.agreement(kind, number, few),
    }


def one_at_a_time(photos: list[bytes]) -> dict[str, Any]:
    """PUT to the result in the waiting client's hands, one photo after the other; milliseconds."""
    client = Client.from_settings(settings.load(os.environ))
    seen, ledgers = [], []
    for number in range(LATENCY_PHOTOS):
        begun = time.monotonic()
        result = client.wait(client.upload(photos[number % len(photos)], ".jpg"), 30)
        seen.append((time.monotonic() - begun) * 1000)
        ledgers.append(result.timings_ms)
    steps = {step: statistics.median(ledger[step] for ledger in ledgers) for step in ledgers[0]}
    cuts = statistics.quantiles(seen, n=100)
    return {"p50": cuts[49], "p90": cuts[89], "p99": cuts[98], "steps_p50": steps}


def machine() -> dict[str, Any]:
    """What this was measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")
    return {
        "cores": os.cpu_count(),
        "cpu": model,
        "python": platform.python_version(),
        "system": platform.platform(),
    }


if __name__ == "__main__":
    sys.exit(main())
