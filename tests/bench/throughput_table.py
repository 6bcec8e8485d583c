"""The throughput of worker, model alone and plain loop as one table: a row a number, a column a kind of photo."""

from collections.abc import Mapping
from typing import Any

from tests.bench.table import Table

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


def throughput(measured: Mapping[str, Any]) -> Table:
    """Rows that this run did not measure are left out."""
    found = measured["throughput"]
    kinds, options = found["every_round"], measured["options"]
    title = (
        f"Median (least–most) of {options['rounds']} rounds, {options['photos']} photos each, "
        f"{measured['machine']['cores']} cores"
    )
    rows = [
        (label, *(_spread(name, found["throughput"][kind], of_kind) for kind, of_kind in kinds.items()), unit)
        for name, (label, unit) in ROWS.items()
        if any(name in found["throughput"][kind] for kind in kinds)
    ]
    rows.append(
        ("most memory of the worker", f"{found['worker_peak_memory_mb']:.0f}", *[""] * (len(kinds) - 1), "MB")
    )
    return Table(title, ("", *kinds, ""), rows)


def _spread(name: str, medians: Mapping[str, float], rounds: list[dict[str, float]]) -> str:
    if name not in medians:
        return ""
    median, values = medians[name], [row[name] for row in rounds]
    digits = 2 if median < 10 else 0 if median >= 1000 else 1
    return f"{median:.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"
