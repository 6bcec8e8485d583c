"""The arithmetic of throughput: limits, ratios, medians. Pure."""

import statistics
from collections.abc import Iterable, Mapping, Sequence

Row = Mapping[str, float]  # one round of one kind of photo, by name


def add_ratios(row: Row, cores: int, rivals: Iterable[str]) -> dict[str, float]:
    """Add the limits (cores ÷ the CPU seconds that a photo needs at least), and the ratios to them.

    `row` has infer_cpu_ms, decode_cpu_ms, images_per_s, memory_per_s, memory_cpu_ms,
    services_cpu_ms, worker_cpu_ms, photos_per_s, and `…_per_s` for each rival.
    """
    needed = row["infer_cpu_ms"] + row["decode_cpu_ms"]
    limit = cores * 1000 / needed
    shared = cores * 1000 / (needed + row["services_cpu_ms"])
    worker = row["photos_per_s"]
    beside = {f"worker_to_{name}": worker / row[f"{name}_per_s"] for name in rivals}
    near = {f"{name}_to_limit": row[f"{name}_per_s"] / limit for name in rivals}
    return {
        **row,
        "limit_per_s": limit,
        "limit_with_services_per_s": shared,
        "memory_to_limit": row["memory_per_s"] / limit,
        "memory_cpu_in_work": needed / row["memory_cpu_ms"],
        "network_cpu_ms": row["worker_cpu_ms"] - row["memory_cpu_ms"],
        "worker_to_limit": worker / limit,
        "worker_to_limit_with_services": worker / shared,
        "worker_to_model_alone": worker / row["images_per_s"],
        **beside,
        **near,
    }


def medians(rows: Sequence[Row]) -> dict[str, float]:
    """Median of each number over the rounds."""
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


def spread(rows: Sequence[Row]) -> dict[str, tuple[float, float]]:
    """Minimum and maximum of each number over the rounds."""
    return {name: (min(row[name] for row in rows), max(row[name] for row in rows)) for name in rows[0]}


def growth(before: float, after: float) -> float:
    """Growth as a share of the value before; negative when it has shrunk."""
    return after / before - 1
