"""The figures at the top of docs/performance.md, chosen from all measurements."""

from collections.abc import Mapping
from typing import Any

from bench import aims
from bench.pages.tables import CUTS, cuts
from bench.pages.targets import targets
from docs.tools.table import Table

THROUGHPUT = {  # measurement → label and format
    "photos_per_s": ("photos a second, from S3 to Redis", "{:.0f}"),
    "worker_to_plain": ("compared with a plain loop", "{:.1f} ×"),
    "worker_to_celery": ("compared with Celery, a process per core", "{:.1f} ×"),
    "worker_to_server": ("compared with a batch server (Mosec)", "{:.1f} ×"),
    "worker_to_limit_with_services": ("share of what decoding and inference alone allow", "{:.0%}"),
    "worker_cpu_ms": ("CPU milliseconds a photo", "{:.1f}"),
    "worker_peak_memory_mb": ("most memory, MB", "{:,.0f}"),
}


def summary(measured: Mapping[str, Any]) -> dict[str, list[Table]]:
    """Return the tables of each part; the part `steps` is a picture alone."""
    return {
        "targets": [aims.table(targets(measured))],
        "throughput": [_throughput(measured)],
        "latency": [_latency(measured)],
        "steps": [],
    }


def _throughput(measured: Mapping[str, Any]) -> Table:
    kinds = measured["throughput"]["throughput"]
    rows = [
        (label, *(shape.format(row[name]) for row in kinds.values()))
        for name, (label, shape) in THROUGHPUT.items()
    ]
    return Table(f"One worker on {measured['machine']['cores']} cores, by size of photo", ("", *kinds), rows)


def _latency(measured: Mapping[str, Any]) -> Table:
    part = measured["latency"]
    late = part["notifications"]
    cases = {f"{float(load):.0%} load": row for load, row in part["loads"].items() if float(load) >= 0.8}
    cases["S3 notifies late"] = late["alone"]
    cases["S3 notifies late, with a direct request"] = late["direct_request"]
    rows = [(case, *cuts(row)) for case, row in cases.items()]
    title = f"From PUT to result; 100 % load is {part['capacity_per_s']:.0f} photos a second"
    return Table(title, ("", *CUTS), rows)
