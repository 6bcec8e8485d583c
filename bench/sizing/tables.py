"""Ceilings of larger machines, and what a host with GPUs needs beside them, as tables."""

from collections.abc import Iterator, Mapping
from math import inf
from typing import Any

from bench.sizing.reckoning import THOUSAND, Parts, ceiling, cores_needed, workers_needed
from docs.tools.table import Table

CORES = (4, 8, 16)
DEVICE = 2000.0  # photos/s, as the simulated accelerator's
LARGE = "12 MP"  # size of the photos of which every format was measured
SAFE = 0.8  # of the cores: beyond that, photos wait


def ceilings(measured: Mapping[str, Any]) -> Table:
    """Return the ceilings of one worker, beside an accelerator and, where it was measured, on the CPU."""
    places = {f"accelerator of {DEVICE:,.0f} photos/s": (DEVICE, dict[str, float]())}
    if "throughput" in measured:
        infer = {kind: row["infer_cpu_ms"] for kind, row in measured["throughput"]["throughput"].items()}
        places["model on the CPU"] = (inf, infer)
    rows = [
        (
            place,
            kind,
            *(_ceiling(parts._replace(infer=infer.get(kind, 0.0)), cores, device) for cores in CORES),
        )
        for place, (device, infer) in places.items()
        for kind, parts in by_size(measured["accelerator"]).items()
    ]
    title = "Photos a second of one worker by cores, and what sets the bound: reckoned, not measured"
    return Table(title, ("", "photos", *(f"{cores} cores" for cores in CORES)), rows)


def hosts(measured: Mapping[str, Any]) -> Table:
    """Return the cores that a host needs beside its GPUs, by size and format."""
    rows = [
        (
            kind,
            f"{parts.decode:.1f}",
            f"{parts.main + parts.hashing:.1f}",
            f"{cores_needed(parts):.1f}",
            f"{cores_needed(parts) / SAFE:.1f}",
            str(workers_needed(parts)),
        )
        for kind, parts in _by_kind(measured)
    ]
    columns = (
        "photos",
        "CPU ms of a decoder",
        "CPU ms of the main process",
        "cores kept busy",
        f"cores, {SAFE:.0%} busy",
        "workers",
    )
    return Table(f"What {THOUSAND:,} photos/s need beside the GPUs: reckoned, not measured", columns, rows)


def by_size(accelerator: Mapping[str, Any]) -> dict[str, Parts]:
    """Read what a JPEG of each size takes on the way from S3 to Redis, its inference left out."""
    rows = accelerator["whole_path"]["median"]
    return {
        kind: Parts(row["main_cpu_ms"] - row["hash_cpu_ms"], row["decode_cpu_ms"], row["hash_cpu_ms"])
        for kind, row in rows.items()
    }


def _by_kind(measured: Mapping[str, Any]) -> Iterator[tuple[str, Parts]]:
    """The sizes, then the other formats: for these, the main process is taken to cost as for a JPEG."""
    sizes = by_size(measured["accelerator"])
    yield from ((f"JPEG, {kind}", parts) for kind, parts in sizes.items())
    for label, row in measured.get("formats", {}).get("formats", {}).items():
        if label != "JPEG":
            yield f"{label}, {LARGE}", sizes[LARGE]._replace(decode=row["decode_cpu_ms"])


def _ceiling(parts: Parts, cores: int, device: float) -> str:
    rate, bound = ceiling(parts, cores, device)
    return f"{rate:,.0f} ({bound})"
