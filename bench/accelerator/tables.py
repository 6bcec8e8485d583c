"""The simulated accelerator as tables: rates, shares, the limit, where the CPU time goes, the whole path."""

from collections.abc import Iterator, Mapping
from typing import Any

from docs.tools.table import Table

LIMITS = {
    "device": "the device",
    "cores": "the cores",
    "others": "other programs, which had the cores",
    "model thread": "the thread that runs the model: batches are full, but the device waits for it",
    "helpers": "the helpers: batches are small, and cores are idle",
}
LEVERS = {
    "device": "a second device",
    "cores": "less CPU a photo (see the functions), or more cores",
    "others": "a quiet machine: this run says nothing here",
    "model thread": "a second replica on the device (WORKER_REPLICAS): it runs while the other's outputs are read",
    "helpers": "a second worker on the device: in one process one thread of Python runs at a time",
}
WHOLE_PATH = {
    "main_cpu_ms": "main process",
    "hash_cpu_ms": "of that: SHA-256",
    "decode_cpu_ms": "decoders",
    "services_cpu_ms": "services",
}


def accelerator(measured: Mapping[str, Any]) -> Iterator[Table]:
    """Return the table of rates, that of the whole path, then the functions of each kind of photo."""
    yield _rates(measured)
    yield _whole_path(measured["whole_path"])
    yield from _profiles(measured["kinds"])


def _rates(measured: Mapping[str, Any]) -> Table:
    kinds = measured["kinds"]

    def row(says: str, name: str, shape: str) -> tuple[str, ...]:
        return (says, *(shape.format(of_kind[name]) for of_kind in kinds.values()))

    def of_thread(name: str) -> tuple[str, ...]:
        cpu_ms = (of_kind["threads_cpu_ms"].get(name, 0.0) for of_kind in kinds.values())
        return (f"… of that: {name}", *(f"{ms:.2f}" for ms in cpu_ms))

    threads = dict.fromkeys(name for of_kind in kinds.values() for name in of_kind["threads_cpu_ms"])
    rows = [
        row("photos/s fed", "photos_per_s", "{:.0f}"),
        row("photos/s the device could take", "device_per_s", "{:.0f}"),
        row("photos/s fed by one busy core", "per_core_per_s", "{:.0f}"),
        ("cores that would keep the device busy", *(f"{_cores(of_kind):.1f}" for of_kind in kinds.values())),
        row("device busy", "device_busy", "{:.0%}"),
        row("cores busy with it", "cores_busy", "{:.0%}"),
        row("cores busy with other programs", "cores_taken", "{:.0%}"),
        row("photos in a batch, mean", "mean_batch", "{:.1f}"),
        row("CPU ms a photo", "cpu_ms", "{:.2f}"),
        row("… of the decoders", "decode_cpu_ms", "{:.2f}"),
        row("… of the main process", "main_cpu_ms", "{:.2f}"),
        *map(of_thread, threads),
        ("the limit", *(LIMITS[of_kind["limit"]] for of_kind in kinds.values())),
        ("the next lever", *(LEVERS[of_kind["limit"]] for of_kind in kinds.values())),
    ]
    title = f"Simulated accelerator: {measured['call_ms']:g} ms + {measured['photo_ms']:g} ms a photo"
    return Table(title, ("photos in memory", *kinds), rows)


def _whole_path(part: Mapping[str, Any]) -> Table:
    median, spread = part["median"], part["spread"]
    rows = [
        (kind, f"{row['photos_per_s']:.0f}", *(_cpu(row[name], *spread[kind][name]) for name in WHOLE_PATH))
        for kind, row in median.items()
    ]
    rounds = len(next(iter(part["every_round"].values())))
    title = f"From S3 to Redis beside the simulated accelerator, CPU ms a photo, median of {rounds} rounds"
    return Table(title, ("photos", "photos/s", *WHOLE_PATH.values()), rows)


def _cpu(median: float, least: float, most: float) -> str:
    return f"{median:.2f} ({least:.2f}–{most:.2f})"


def _cores(of_kind: Mapping[str, float]) -> float:
    return of_kind["device_per_s"] / of_kind["per_core_per_s"]


def _profiles(kinds: Mapping[str, Any]) -> Iterator[Table]:
    for kind, of_kind in kinds.items():
        if "profile" not in of_kind:
            continue
        found = of_kind["profile"]
        rows = [(f"{f['share']:.0%}", f["stage"], f["function"], f["file"]) for f in found["functions"]]
        rows = rows or [("", "", f"not measured: {found.get('reason', 'no samples')}", "")]
        yield Table(f"CPU by innermost function, {kind} photos", ("share", "stage", "function", "file"), rows)
