"""The measurements as tables for people, and the machine they were made on."""

import os
import platform
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.table import Table

ROWS = {
    "worker_to_model_alone": ("worker ÷ model alone", "ratio"),
    "worker_to_plain": ("worker ÷ plain loop", "ratio"),
    "worker_to_limit": ("worker ÷ limit", "ratio"),
    "worker_to_limit_with_services": ("worker ÷ limit, services charged", "ratio"),
    "plain_to_limit": ("plain loop ÷ limit", "ratio"),
    "same_score": ("same score from worker and plain loop", "share"),
    "photos_per_s": ("worker, S3 to Redis", "photos/s"),
    "images_per_s": ("model alone, ready arrays, batches of 32", "photos/s"),
    "plain_per_s": ("plain loop, one message at a time", "photos/s"),
    "limit_per_s": ("limit: cores ÷ CPU of decode + inference", "photos/s"),
    "limit_with_services_per_s": ("the same, LocalStack's and Valkey's CPU charged", "photos/s"),
    "decode_cpu_ms": ("CPU of decoding, alone", "ms a photo"),
    "infer_cpu_ms": ("CPU of inference, alone", "ms a photo"),
    "worker_cpu_ms": ("CPU of the whole worker", "ms a photo"),
    "plain_cpu_ms": ("CPU of the plain loop", "ms a photo"),
    "services_cpu_ms": ("CPU of LocalStack and Valkey for the worker", "ms a photo"),
    "cores_busy": ("worker, LocalStack and Valkey ÷ all cores", "share"),
    "cores_taken": ("other programs meanwhile ÷ all cores", "share"),
    "plain_peak_memory_mb": ("most memory of the plain loop", "MB"),
    "model_alone_peak_memory_mb": ("most memory of the model alone", "MB"),
}
TITLES = {
    "notify": "notify: S3's event to SQS",
    "queue": "queue: SQS to the worker",
    "wait": "wait for a helper",
    "batch_wait": "batch_wait: for the model",
    "total": "total: all of these",
}
MUCH = 0.1  # share of the cores that others may take without a warning
PACKAGES = ("tensorflow", "tensorflow-cpu", "keras", "pillow", "numpy")


def tables(measured: dict[str, Any]) -> Iterator[Table]:
    """Throughput by kind of photo, then the time of a single one."""
    yield _throughput(measured)
    yield _latency(measured["latency_ms"])


def warning(measured: dict[str, Any]) -> str:
    """Say so when other programs had the cores as well; empty when they hardly did."""
    taken = max(row["cores_taken"] for rows in measured["every_round"].values() for row in rows)
    if taken < MUCH:
        return ""
    return f"other programs took up to {taken:.0%} of the cores meanwhile: measure again on a quiet machine"


def machine() -> dict[str, Any]:
    """What this was measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")
    there = {
        package.metadata["Name"].lower().replace("_", "-"): package.version
        for package in metadata.distributions()
    }
    return {
        "cores": os.cpu_count(),
        "cpu": model,
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: there[name] for name in PACKAGES if name in there},
    }


def _throughput(measured: dict[str, Any]) -> Table:
    kinds = measured["every_round"]
    title = (
        f"Median (least–most) of {measured['rounds']} rounds, {measured['photos']} photos each, "
        f"{measured['machine']['cores']} cores"
    )
    table = Table("", *kinds, "", title=title)
    for name, (label, unit) in ROWS.items():
        cells = [
            _spread(measured["throughput"][kind][name], [row[name] for row in rows])
            for kind, rows in kinds.items()
        ]
        table.add_row(label, *cells, unit, end_section=name in {"same_score", "limit_with_services_per_s"})
    table.add_row("most memory of the worker", f"{measured['worker_peak_memory_mb']:.0f}", "", "MB")
    return table


def _latency(latency: dict[str, Any]) -> Table:
    table = Table(
        "step", "ms", title="One small photo at a time, from PUT to the result in the client's hands"
    )
    steps = latency["steps_p50"]
    for step, value in steps.items():
        table.add_row(
            f"{TITLES.get(step, step)} (median)", f"{value:.1f}", end_section=step == list(steps)[-1]
        )
    for cut in ("p50", "p90", "p99"):
        table.add_row(f"PUT to result, {cut}", f"{latency[cut]:.1f}")
    table.add_row("beyond fetch, decode and infer (median)", f"{latency['overhead_p50']:.1f}")
    return table


def _spread(median: float, values: list[float]) -> str:
    digits = 2 if median < 10 else 0 if median >= 1000 else 1
    return f"{median:.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"
