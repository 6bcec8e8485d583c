"""The measurements as tables for people."""

from collections.abc import Iterator
from typing import Any

from rich.table import Table

ROWS = {
    "photos_per_s": ("worker, S3 to Redis", "photos/s"),
    "images_per_s": ("model alone, ready arrays, batches of 32", "photos/s"),
    "plain_per_s": ("plain loop, one message at a time", "photos/s"),
    "limit_per_s": ("limit: cores ÷ CPU of decode + inference", "photos/s"),
    "limit_with_services_per_s": ("limit, with LocalStack's and Valkey's CPU charged", "photos/s"),
    "worker_to_model_alone": ("worker ÷ model alone", "ratio"),
    "worker_to_limit": ("worker ÷ limit", "ratio"),
    "worker_to_limit_with_services": ("worker ÷ limit with services charged", "ratio"),
    "worker_to_plain": ("worker ÷ plain loop", "ratio"),
    "same_score": ("worker and plain loop give the same score", "share"),
    "decode_cpu_ms": ("CPU of decoding, alone", "ms a photo"),
    "infer_cpu_ms": ("CPU of inference, alone", "ms a photo"),
    "worker_cpu_ms": ("CPU of the whole worker", "ms a photo"),
    "services_cpu_ms": ("CPU of LocalStack and Valkey meanwhile", "ms a photo"),
}


def tables(measured: dict[str, Any]) -> Iterator[Table]:
    """Throughput by kind of photo, then the time of a single one."""
    kinds = measured["throughput"]
    machine = measured["machine"]
    title = (
        f"Medians of {measured['rounds']} rounds, {measured['photos']} photos each, {machine['cores']} cores"
    )
    table = Table("", *kinds, "", title=title)
    for name, (label, unit) in ROWS.items():
        table.add_row(label, *(f"{row[name]:.2f}" for row in kinds.values()), unit)
    table.add_row("most memory of the worker", f"{measured['worker_peak_memory_mb']:.0f}", "", "MB")
    yield table
    latency = measured["latency_ms"]
    table = Table(
        "step", "ms", title="One small photo at a time, from PUT to the result in the client's hands"
    )
    for step, value in latency["steps_p50"].items():
        table.add_row(f"{step} (median)", f"{value:.1f}")
    for cut in ("p50", "p90", "p99"):
        table.add_row(f"PUT to result, {cut}", f"{latency[cut]:.1f}")
    yield table
