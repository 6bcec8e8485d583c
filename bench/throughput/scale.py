"""Several workers on one queue: photos/s of all, the share of each, and that nothing is lost or left."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench.photos import Load
from bench.processes import ROOT
from bench.rig import Rig
from bench.rivals.contestants import stop, wait_until_ready, worker_of
from bench.throughput.bursts import burst
from localstack.services import die_with_parent

CREWS = (1, 2, 4)  # workers, all on these cores
WARM_UP = 40  # photos of a new crew


def measure(rig: Rig, folder: Path, photos: list[bytes], count: int) -> dict[str, Any]:
    """Let each crew score `count` photos. Raises LostError when one is lost, BenchError when one does not start."""
    measured = {}
    for number, size in enumerate(CREWS):
        with _others(size - 1, folder) as others:
            crew = worker_of(rig, *others)
            if others:
                burst(rig, crew, Load("scale", 2 * number, photos, WARM_UP))
            logs = [rig._log, *(folder / f"worker-{n}.log" for n in range(size - 1))]
            before = [_scored(log) for log in logs]
            row = burst(rig, crew, Load("scale", 2 * number + 1, photos, count))
            done = [_scored(log) - then for log, then in zip(logs, before, strict=True)]
            shares = sorted(one / count for one in done)
            measured[str(size)] = {**row, "shares": shares, "scored_twice": sum(done) - count}
    return measured


@contextmanager
def _others(count: int, folder: Path) -> Iterator[list[subprocess.Popen[Any]]]:
    with ExitStack() as stack:
        running = [_start(number, folder, stack) for number in range(count)]
        for number, process in enumerate(running):
            wait_until_ready("a further worker", process, folder / f"worker-{number}.log", '"polling"')
        yield running


def _start(number: int, folder: Path, stack: ExitStack) -> subprocess.Popen[Any]:
    state = {"WORKER_STATE_FILE": str(folder / f"worker-{number}.json")}
    stream = stack.enter_context((folder / f"worker-{number}.log").open("w"))
    command = die_with_parent([sys.executable, "-m", "worker"])
    process = subprocess.Popen(command, cwd=ROOT, stdout=stream, stderr=stream, env={**os.environ, **state})
    stack.callback(stop, process)
    return process


def _scored(log: Path) -> int:
    """How many photos a worker says it has scored."""
    return log.read_text().count('"event": "scored"')
