"""The aims of the index and their results, and the mistakes to expect by chance."""

from collections.abc import Mapping
from math import comb
from typing import Any

from docs.tools.table import Table

MILLION = 1_000_000
RADII = (4, 6, 8, 10, 12)
AIM_MS = 2.0  # p99
AIM_RATIO = 0.97  # less is a measurable loss


def aims(part: Mapping[str, Any]) -> Table:
    """Return the table of targets and results."""
    sizes = part["index"]["sizes"]
    first, last = next(iter(sizes)), list(sizes)[-1]
    p99, p99_of_photos = (of[last]["script_p99_ms"] for of in (sizes, part["index"]["crops"]))
    slower = sizes[last]["script_p50_ms"] / sizes[first]["script_p50_ms"]
    more = int(last) / int(first)
    ratio, (least, most) = (part["throughput"][of]["ratio"] for of in ("median", "spread"))
    rows = [
        (f"look-up + insert among {int(last):,}, p99", "≤ 2 ms", f"{p99:.2f} ms", _met(p99 <= AIM_MS)),
        (
            "look-up + insert among hashes of photos, p99",
            "≤ 2 ms",
            f"{p99_of_photos:.2f} ms",
            _met(p99_of_photos <= AIM_MS),
        ),
        (
            f"growth of the median with {more:,.0f} times the photos",
            f"far below × {more:,.0f}",
            f"× {slower:.1f}",
            _met(slower < more / 10),
        ),
        (
            "throughput with ÷ without, median of the rounds",
            f"≥ {AIM_RATIO}",
            f"{ratio:.3f} ({least:.2f} … {most:.2f})",
            _met(ratio >= AIM_RATIO),
        ),
    ]
    return Table("Targets", ("target", "aim", "measured", ""), rows)


def _met(is_so: bool) -> str:
    return "met" if is_so else "MISSED"


def by_chance() -> Table:
    """Calculate the share of random pairs within a radius; half of their bits are set."""
    rows = []
    for radius in RADII:
        share = sum(comb(32, k) ** 2 for k in range(radius // 2 + 1)) / comb(64, 32)
        rows.append((str(radius), f"{share:.1e}", f"one in {1 / (share * MILLION):,.0f}"))
    columns = ("radius", "random pairs within it", f"new photos mistaken among {MILLION:,} others")
    return Table("Mistakes to expect among random hashes: 64 bits, half of them set", columns, rows)
