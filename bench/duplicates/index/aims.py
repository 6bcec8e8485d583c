"""The aims of the index, and the mistakes to expect by chance."""

from collections.abc import Mapping
from math import comb
from typing import Any

from bench.aims import Aim
from docs.tools.table import Table

MILLION = 1_000_000
RADII = (4, 6, 8, 10, 12)
AIM_MS = 2.0  # p99
AIM_RATIO = 0.97  # less is a measurable loss
AIM_GROWTH = 0.1  # of that of the photos


def aims(part: Mapping[str, Any]) -> list[Aim]:
    """Compare the index with its aims."""
    sizes = part["index"]["sizes"]
    first, last = next(iter(sizes)), list(sizes)[-1]
    p99, p99_of_photos = (of[last]["script_p99_ms"] for of in (sizes, part["index"]["crops"]))
    slower = sizes[last]["script_p50_ms"] / sizes[first]["script_p50_ms"]
    more = int(last) / int(first)
    ratio, (least, most) = (part["throughput"][of]["ratio"] for of in ("median", "spread"))
    ms, beside = "{:.2f} ms", f"({least:.2f} … {most:.2f})"
    growth = f"growth of the median with {more:,.0f} times the photos"
    return [
        Aim(f"look-up + insert among {int(last):,}, p99", p99, "≤", AIM_MS, ms),
        Aim("look-up + insert among hashes of photos, p99", p99_of_photos, "≤", AIM_MS, ms),
        Aim(growth, slower, "<", AIM_GROWTH * more, "× {:.1f}"),
        Aim(
            "throughput with ÷ without, median of the rounds", ratio, "≥", AIM_RATIO, "{:.3f}", spread=beside
        ),
    ]


def by_chance() -> Table:
    """Calculate the share of random pairs within a radius; half of their bits are set."""
    rows = []
    for radius in RADII:
        share = sum(comb(32, k) ** 2 for k in range(radius // 2 + 1)) / comb(64, 32)
        rows.append((str(radius), f"{share:.1e}", f"one in {1 / (share * MILLION):,.0f}"))
    columns = ("radius", "random pairs within it", f"new photos mistaken among {MILLION:,} others")
    return Table("Mistakes to expect among random hashes: 64 bits, half of them set", columns, rows)
