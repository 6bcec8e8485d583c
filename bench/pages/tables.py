"""The measurements as tables, by section, for report.py and publish.py."""

from collections.abc import Mapping
from typing import Any

from bench import aims
from bench.accelerator.tables import accelerator
from bench.door.tables import door
from bench.duplicates.index import aims as index_aims
from bench.duplicates.index import tables as index
from bench.duplicates.quality import tables as quality
from bench.fetch.tables import calls, fetch
from bench.formats.tables import formats, thumbnails
from bench.latency.arrivals import PUBLISHED_CUTS, PUBLISHED_UNDER_ONE
from bench.pages.targets import targets
from bench.sizing.tables import ceilings, hosts
from bench.start.tables import start
from bench.throughput.tables import throughput
from docs.tools.table import Table

CUTS = ("p50 ms", "p90 ms", "p99 ms", "under 1 s")
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


def sections(measured: Mapping[str, Any]) -> dict[str, list[Table]]:
    """Return the tables of each measured part, by section."""
    found = {"targets": [aims.table(held)]} if (held := targets(measured)) else {}
    return found | performance(measured) | door(measured) | duplicates(measured)


def duplicates(measured: Mapping[str, Any]) -> dict[str, list[Table]]:
    """Return the tables of duplicates."""
    if "duplicates" not in measured:
        return {}
    part = measured["duplicates"]
    return {
        "aims": [aims.table(index_aims.aims(part))],
        "index": index.index(part["index"]),
        "remembering": [index.throughput(part["throughput"])],
        "hashes": quality.quality(part["quality"]),
        "chance": [index_aims.by_chance()],
    }


def performance(measured: Mapping[str, Any]) -> dict[str, list[Table]]:
    """Return the tables of speed."""
    found = dict[str, list[Table]]()
    if "start" in measured:
        found["start"] = [start(measured["start"])]
    if "throughput" in measured:
        found["throughput"] = list(throughput(measured))
    if "batch_sizes" in measured:
        found["batch sizes"] = [_batch_sizes(measured["batch_sizes"])]
    if "latency" in measured:
        latency = measured["latency"]
        found["loads"] = [_loads(latency)]
        found["original"] = [_original(latency["original"])]
        found["notifications"] = [_notifications(latency["notifications"])]
        found["steps"] = [_steps(latency)]
    if "hostile" in measured:
        found["hostile"] = [_hostile(measured["hostile"])]
    if "accelerator" in measured:
        found["accelerator"] = list(accelerator(measured["accelerator"]))
        found["ceilings"] = [ceilings(measured)]
        found["hosts"] = [hosts(measured)]
    if "fetch" in measured:
        found["fetch"] = [fetch(measured["fetch"])]
    if "queue_calls" in measured:
        found["calls"] = [calls(measured["queue_calls"])]
    if "formats" in measured:
        found["formats"] = [formats(measured["formats"])]
        found["thumbnails"] = [thumbnails(measured["formats"])]
    return found


def _batch_sizes(rates: Mapping[str, Mapping[str, float]]) -> Table:
    sizes = list(next(iter(rates.values())))
    rows = [(engine, *(f"{of_one[size]:.0f}" for size in sizes)) for engine, of_one in rates.items()]
    return Table("The model alone on ready arrays, images/s by photos in a batch", ("engine", *sizes), rows)


def _loads(latency: Mapping[str, Any]) -> Table:
    rows = [
        (
            f"{float(load):.0%}",
            f"{row['offered_per_s']:.0f}",
            str(row["photos"]),
            *cuts(row),
            f"{row['sent_late_p99_ms']:.0f}",
        )
        for load, row in latency["loads"].items()
    ]
    most, mix = latency["capacity_per_s"], " and ".join(latency["mix"])
    title = f"PUT to result by load; 100 % are {most:.0f} photos/s, {mix} mixed"
    return Table(title, ("load", "photos/s", "photos", *CUTS, "sent late, p99 ms"), rows)


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
        (here, *cuts(row), f"{row['uploads_per_s']:.0f}", f"{row['photos_per_s']:.0f}"),
    ]
    return Table("As the original benchmark", ("", *CUTS, "uploads/s", "photos/s scored"), rows)


def _notifications(late: Mapping[str, Any]) -> Table:
    names = {"alone": "slow notification", "direct_request": "slow notification, with a direct request"}
    rows = [
        (
            says,
            str(late[name]["photos"]),
            *cuts(late[name]),
            str(late[name]["scored"]),
            str(late[name]["already_scored"]),
        )
        for name, says in names.items()
    ]
    title = f"Notifications as late as published, {late['offered_per_s']:.0f} photos/s"
    return Table(title, ("", "photos", *CUTS, "scored", "found scored"), rows)


def _hostile(part: Mapping[str, Any]) -> Table:
    names = {"alone": "alone", "among": f"among {part['bombs_per_s']:g} photos/s that cost too much"}
    rows = [
        (
            says,
            str(part[name]["good"]),
            str(part[name]["bombs"]),
            str(part[name]["bombs_failed"]),
            *cuts(part[name]),
        )
        for name, says in names.items()
    ]
    title = f"PUT to result of {part['good_per_s']:g} good photos/s, {part['seconds']:g} s"
    return Table(title, ("", "good photos, all scored", "others", "of these failed", *CUTS), rows)


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


def cuts(row: Mapping[str, float]) -> tuple[str, ...]:
    """Format the percentiles of a row, and its share within a second."""
    return (*(f"{row[cut]:,.0f}" for cut in SHOWN), f"{row['under_1s']:.1%}")
