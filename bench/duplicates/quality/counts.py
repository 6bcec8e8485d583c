"""The arithmetic of the quality of hashes: distances, and how many are within a radius. Pure."""

import statistics
from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np

from bench.duplicates.quality.album import Picture
from worker.results import look_alikes

POINTS = 17  # radii: 0 … 16 of 64 bits, and in proportion for longer hashes
WIDEST = 4  # the last radius is this fraction of the bits


def radii(bits: int) -> list[int]:
    """Return the radii to count at."""
    return [bits // WIDEST * point // (POINTS - 1) for point in range(POINTS)]


def distance(one: str | None, other: str | None, bits: int) -> int:
    """Count the bits in which two hashes differ; a missing hash differs in all of them."""
    apart = look_alikes.distance(one, other)
    return bits if apart is None else apart


def different_pairs(pictures: Sequence[Picture]) -> list[tuple[int, int]]:
    """Find all pairs of pictures that show different things, by their positions."""
    numbered = combinations(enumerate(pictures), 2)
    return [(first, second) for (first, one), (second, other) in numbered if one.differs(other)]


def distances(hashes: Sequence[str | None], pairs: Iterable[tuple[int, int]], bits: int) -> list[int]:
    """Compute the distance of each pair."""
    return [distance(hashes[one], hashes[other], bits) for one, other in pairs]


def within(found: Sequence[int], bits: int) -> dict[str, int]:
    """Count the distances within each radius."""
    ordered = np.sort(np.asarray(found))
    return {str(radius): int(np.searchsorted(ordered, radius, "right")) for radius in radii(bits)}


def summary(found: Sequence[int], bits: int, radius: int) -> dict[str, object]:
    """Summarise distances: count, minimum, median, how many are within which radius."""
    return {
        "count": len(found),
        "least": min(found),
        "median": statistics.median(found),
        "within_default": sum(one <= radius for one in found),
        "within": within(found, bits),
    }
