"""What was measured as tables, which report.py prints and publish.py writes into the documentation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.arrivals import PUBLISHED_CUTS, PUBLISHED_UNDER_ONE
from tests.bench.targets import Target, targets
from tests.bench.throughput_table import throughput

SHOWN = ("p50_ms", "p90_ms", "p99_ms")
STEPS = {
    "put": "PUT and announcement",
    "notify": "notify: S3's event to SQS",
    "queue": "queue: SQS to the worker",
    "wait": "wait for a helper",
    "fetch": "fetch",
    "decode": "decode",
    "batch_wait": "batch_wait: for the model",
    "infer": "infer",
    "commit": "commit",
}
LIMITS = {
    "device": "the device",
    "cores": "the cores",
    "model thread": "the thread that runs the model: batches are full, and yet the device waits for it",
    "helpers": "the helpers: the device takes small batches, and cores are left",
}
LEVERS = {
    "device": "a second device",
    "cores": "less CPU a photo (see the functions), or more cores",
    "model thread": "read outputs in another thread while the device runs the next batch",
    "helpers": "a second worker on the device: in one process one thread of Python runs at a time",
}


@dataclass(frozen=True, slots=True)
class Table:
    """A title, the heads of the columns, and rows of as many cells."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def sections(measured: Mapping[str, Any]) -> dict[str, list[Table]]:
    """Give the tables of each part that was measured, by the name of their section; the targets first."""
    found = dict[str, list[Table]]()
    if held := targets(measured):
        found["targets"] = [_targets(held)]
    if "throughput" in measured:
        found["throughput"] = [Table(*throughput(measured))]
    if "batch_sizes" in measured:
        found["batch sizes"] = [_batch_sizes(measured["batch_sizes"])]
    if "latency" in measured:
        latency = measured["latency"]
        found["loads"] = [_loads(latency)]
        found["original"] = [_original(latency["original"])]
        found["notifications"] = [_notifications(latency["notifications"])]
        found["steps"] = [_steps(latency)]
    if "accelerator" in measured:
        kinds = measured["accelerator"]["kinds"]
        found["accelerator"] = [_accelerator(measured["accelerator"]), *_profiles(kinds)]
    return found


def _targets(found: Sequence[Target]) -> Table:
    rows = [(one.what, one.aim, one.shown, one.verdict) for one in found]
    return Table("Targets", ("target", "aim", "measured", ""), rows)


def _batch_sizes(rates: Mapping[str, float]) -> Table:
    return Table(
        "The model alone on ready arrays, by batch size",
        ("photos in a batch", *rates),
        [("images/s", *(f"{rate:.0f}" for rate in rates.values()))],
    )


def _loads(latency: Mapping[str, Any]) -> Table:
    rows = [
        (
            f"{float(load):.0%}",
            f"{row['offered_per_s']:.0f}",
            str(row["photos"]),
            *_cuts(row),
            f"{row['sent_late_p99_ms']:.0f}",
        )
        for load, row in latency["loads"].items()
    ]
    most, mix = latency["capacity_per_s"], " and ".join(latency["mix"])
    title = f"PUT to result by load; 100 % are {most:.0f} photos/s, {mix} mixed"
    return Table(title, ("load", "photos/s", "photos", *_CUTS, "sent late, p99 ms"), rows)


def _original(row: Mapping[str, Any]) -> Table:
    published = [f"{1000 * cut:,.0f}" for cut in PUBLISHED_CUTS.values()]
    here = f"here: {row['photos']:,} objects, {row['uploaders']} uploaders"
    rows = [
        (
            "published: 1,000 objects, 10 uploaders, 20 pollers",
            *published,
            f"{PUBLISHED_UNDER_ONE:.0%}",
            "",
            "",
        ),
        (here, *_cuts(row), f"{row['uploads_per_s']:.0f}", f"{row['photos_per_s']:.0f}"),
    ]
    return Table("As the original benchmark", ("", *_CUTS, "uploads/s", "photos/s scored"), rows)


def _notifications(late: Mapping[str, Any]) -> Table:
    names = {"alone": "slow notification", "direct_request": "the same, and a direct request"}
    rows = [
        (
            says,
            str(late[name]["photos"]),
            *_cuts(late[name]),
            str(late[name]["scored"]),
            str(late[name]["already_scored"]),
        )
        for name, says in names.items()
    ]
    title = f"Notifications as late as published, {late['offered_per_s']:.0f} photos/s"
    return Table(title, ("", "photos", *_CUTS, "scored", "found scored"), rows)


def _steps(latency: Mapping[str, Any]) -> Table:
    late, single = latency["notifications"], latency["one_at_a_time"]
    split = {"idle": single["steps_mean"]}
    split |= {f"{float(load):.0%} load": row["steps_mean"] for load, row in latency["loads"].items()}
    split |= {"slow": late["alone"]["steps_mean"], "slow, direct": late["direct_request"]["steps_mean"]}
    rows = [
        (STEPS.get(step, step), *(f"{steps[step]:.1f}" for steps in split.values()))
        for step in single["steps_mean"]
    ]
    rows.append(("all", *(f"{sum(steps.values()):.1f}" for steps in split.values())))
    return Table("Where the time goes: mean milliseconds by step", ("step", *split), rows)


def _accelerator(measured: Mapping[str, Any]) -> Table:
    kinds = measured["kinds"]

    def row(says: str, name: str, shape: str) -> tuple[str, ...]:
        return (says, *(shape.format(of_kind[name]) for of_kind in kinds.values()))

    threads = list(next(iter(kinds.values()))["threads_cpu_ms"])
    rows = [
        row("photos/s fed", "photos_per_s", "{:.0f}"),
        row("photos/s the device could take", "device_per_s", "{:.0f}"),
        row("photos/s fed by one busy core", "per_core_per_s", "{:.0f}"),
        row("device busy", "device_busy", "{:.0%}"),
        row("cores busy with it", "cores_busy", "{:.0%}"),
        row("cores busy with other programs", "cores_taken", "{:.0%}"),
        row("photos in a batch, mean", "mean_batch", "{:.1f}"),
        row("CPU ms a photo", "cpu_ms", "{:.2f}"),
        *((f"… of {t}", *(f"{k['threads_cpu_ms'].get(t, 0):.2f}" for k in kinds.values())) for t in threads),
        ("the limit", *(LIMITS[of_kind["limit"]] for of_kind in kinds.values())),
        ("the next lever", *(LEVERS[of_kind["limit"]] for of_kind in kinds.values())),
    ]
    title = f"Simulated accelerator: {measured['call_ms']:g} ms + {measured['photo_ms']:g} ms a photo"
    return Table(title, ("photos in memory", *kinds), rows)


def _profiles(kinds: Mapping[str, Any]) -> Iterator[Table]:
    for kind, of_kind in kinds.items():
        found = of_kind["profile"]
        rows = [(f"{f['share']:.0%}", f["stage"], f["function"], f["file"]) for f in found["functions"]]
        rows = rows or [("", "", f"not measured: {found.get('reason', 'no samples')}", "")]
        yield Table(f"CPU by innermost function, {kind} photos", ("share", "stage", "function", "file"), rows)


_CUTS = ("p50 ms", "p90 ms", "p99 ms", "under 1 s")


def _cuts(row: Mapping[str, float]) -> tuple[str, ...]:
    return (*(f"{row[cut]:,.0f}" for cut in SHOWN), f"{row['under_1s']:.1%}")
