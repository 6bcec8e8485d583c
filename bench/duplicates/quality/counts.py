"""The arithmetic of the quality of hashes: distances, shares within a radius, the largest radius that is safe. Pure."""

import statistics
from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np

from bench.duplicates.quality.album import Picture
from worker.results import look_alikes

POINTS = 17  # radii: 0 … 16 of 64 bits; as large a share of longer hashes
WIDEST = 4  # the last radius is this part of the bits


def radii(bits: int) -> list[int]:
    """Which radii are looked at."""
    return [bits // WIDEST * point // (POINTS - 1) for point in range(POINTS)]


def distance(one: str | None, other: str | None, bits: int) -> int:
    """In how many bits two hashes differ; without a hash nothing is found, so all of them do."""
    apart = look_alikes.distance(one, other)
    return bits if apart is None else apart


def different(pictures: Sequence[Picture]) -> list[tuple[int, int]]:
    """Places of every two pictures that show different things."""
    numbered = combinations(enumerate(pictures), 2)
    return [(first, second) for (first, one), (second, other) in numbered if one.differs(other)]


def distances(hashes: Sequence[str | None], pairs: Iterable[tuple[int, int]], bits: int) -> list[int]:
    """Distance of each pair."""
    return [distance(hashes[one], hashes[other], bits) for one, other in pairs]


def within(found: Sequence[int], bits: int) -> dict[str, int]:
    """How many distances are within each radius."""
    ordered = np.sort(np.asarray(found))
    return {str(radius): int(np.searchsorted(ordered, radius, "right")) for radius in radii(bits)}


def summary(found: Sequence[int], bits: int, radius: int) -> dict[str, object]:
    """How many distances there are, least and median, how many are within the default radius, and within each."""
    return {
        "count": len(found),
        "least": min(found),
        "median": statistics.median(found),
        "within_default": sum(one <= radius for one in found),
        "within": within(found, bits),
    }
