"""Starts of a worker: of a model that is new here, of one that is known, on TensorFlow, and in a new container."""

import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from bench import ratios
from bench.processes import busy_seconds, memory_mb, tree_cpu_seconds
from bench.rig import CORES, MODEL
from localstack.worker_process import WorkerProcess

# case → what it changes; in each round they come in this order, with a model cache that is empty at first
CASES: Mapping[str, Mapping[str, str]] = {
    "first": {},
    "second": {},
    "tensorflow": {"WORKER_ENGINE": "tensorflow"},
    "container": {},
}
CONTAINER = "container"  # of an image: its model has a translation, and its cache is empty
TRANSLATION = "translation"  # a folder in a model that is left out: a new model has none
PART = "part "  # before the names of a start's parts

Row = dict[str, float]


def steps(rounds: int) -> int:
    """How many times `measure` reports progress."""
    return rounds * len(CASES)


def measure(folder: Path, rounds: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Start workers one after the other, beside services that do nothing. Raises ServicesError."""
    rows: dict[str, list[Row]] = {case: [] for case in CASES}
    engines: dict[str, list[str]] = {case: [] for case in CASES}
    model = folder / "model-alone"
    shutil.copytree(MODEL, model, ignore=shutil.ignore_patterns(TRANSLATION))
    for number in range(rounds):
        cache = str(folder / f"models-{number}")
        for case, changed in CASES.items():
            tell(f"round {number + 1}, {case} start")
            chosen = {"WORKER_MODEL": str(model), "WORKER_MODEL_CACHE": cache, **changed}
            if case == CONTAINER:
                chosen |= {"WORKER_MODEL": str(MODEL), "WORKER_MODEL_CACHE": f"{cache}-{case}"}
            row, engine = start_once(folder / f"start-{number}-{case}.log", {**os.environ, **chosen})
            rows[case].append(row)
            engines[case].append(engine)
    return {
        "median": {case: ratios.medians(of_case) for case, of_case in rows.items()},
        "spread": {case: ratios.spread(of_case) for case, of_case in rows.items()},
        "every_round": rows,
        "engines": engines,
    }


def start_once(log: Path, environment: Mapping[str, str]) -> tuple[Row, str]:
    """Start a worker, and stop it once it polls: seconds, CPU seconds of all its processes, memory in MB; its engine.

    The seconds, of all and of each part, are those that the worker tells. Parts run beside one another, so
    their sum is more than the whole.
    """
    begun, busy, ours = time.monotonic(), busy_seconds(), tree_cpu_seconds(os.getpid())
    worker = WorkerProcess(log, environment=environment)
    try:
        worker.wait_for("polling")
        cpu, took = tree_cpu_seconds(worker.pid), time.monotonic() - begun
        others = busy_seconds() - busy - (tree_cpu_seconds(os.getpid()) - ours)
        (told,) = worker.events("polling")
        decoders = psutil.Process(worker.pid).children(recursive=True)
        row = {
            "seconds": told["seconds"],
            "cpu_s": cpu,
            "main_mb": memory_mb(worker.pid),
            "decoders_mb": sum(memory_mb(process.pid) for process in decoders),
            "cores_taken": max(0.0, others) / (took * CORES),
            **{f"{PART}{name}": seconds for name, seconds in told["parts"].items()},
        }
        return row, worker.events("engine_chosen")[0]["engine"]
    finally:
        worker.stop()
