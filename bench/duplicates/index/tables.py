"""The index as tables: by photos remembered, by kind of hash, by radius; and what it costs."""

from collections.abc import Mapping
from typing import Any

from docs.tools.table import Table


def index(measured: Mapping[str, Any]) -> list[Table]:
    """Return the tables: by photos remembered, by kind of hash, by radius."""
    return [_sizes(measured), _kinds(measured), _radii(measured)]


def _sizes(index: Mapping[str, Any]) -> Table:
    columns = (
        "photos remembered",
        "look-up + insert, median ms",
        "p99 ms",
        "from a client, median ms",
        "numpy, look-up ms (÷ index)",
        "BK-tree, look-up ms (÷ index)",
        "bytes a photo",
        "of that: the photo's own two keys",
    )
    rows = [
        (
            f"{int(size):,}",
            f"{row['script_p50_ms']:.2f}",
            f"{row['script_p99_ms']:.2f}",
            f"{row['round_trip_p50_ms']:.2f}",
            f"{row['numpy_p50_ms']:.3f} ({row['numpy_p50_ms'] / row['script_p50_ms']:.2f})",
            f"{row['bk_tree_p50_ms']:,.0f} ({row['bk_tree_p50_ms'] / row['script_p50_ms']:,.0f})",
            f"{row['bytes']:.0f}",
            f"{row['own_keys_bytes']:.0f}",
        )
        for size, row in index["sizes"].items()
    ]
    return Table(f"The index at radius {index['radius']}; the first two times are Redis's own", columns, rows)


def _kinds(index: Mapping[str, Any]) -> Table:
    kinds = {"random": index["sizes"], "crops of photos": index["crops"]}
    rows = [
        (
            f"{int(size):,}",
            kind,
            f"{row['entries_p50']:,.0f}",
            f"{row['entries_p99']:,.0f}",
            f"{row['script_p50_ms']:.2f}",
            f"{row['script_p99_ms']:.2f}",
            f"{row['bytes']:.0f}",
        )
        for size in index["sizes"]
        for kind, row in ((kind, of[size]) for kind, of in kinds.items())
    ]
    columns = (
        "photos remembered",
        "hashes",
        "entries read, median",
        "p99",
        "look-up + insert, median ms",
        "p99 ms",
        "bytes a photo",
    )
    return Table("Random hashes spread evenly over the buckets, those of photos do not", columns, rows)


def _radii(index: Mapping[str, Any]) -> Table:
    last = list(index["sizes"])[-1]
    of_all = {**index["other_radii"], str(index["radius"]): index["sizes"][last]}
    rows = [
        (radius, str(row["buckets_read"]), f"{row['script_p50_ms']:.2f}", f"{row['script_p99_ms']:.2f}")
        for radius, row in sorted(of_all.items(), key=lambda one: int(one[0]))
    ]
    columns = ("radius", "buckets read", "look-up + insert, median ms", "p99 ms")
    return Table(f"By radius, among {int(last):,} photos", columns, rows)


def throughput(part: Mapping[str, Any]) -> Table:
    """Return the table of both workers."""
    median, (least, most) = part["median"], part["spread"]["ratio"]
    rows = [
        (name, f"{median[f'{key}_photos_per_s']:.1f}", f"{median[f'{key}_cpu_ms']:.2f}", ratio)
        for name, key, ratio in (
            (f"with {part['remembered']:,} photos remembered", "with", f"{median['ratio']:.3f}"),
            ("with `WORKER_DUPLICATE_WINDOW=0`", "without", ""),
        )
    ]
    columns = ("worker", "photos/s", "CPU, ms a photo", f"ratio (rounds: {least:.2f} … {most:.2f})")
    title = "The cost of the index: small photos from LocalStack, each a different crop"
    return Table(f"{title}; {part['told_alike']:.1%} were marked as duplicates", columns, rows)
