"""The index on a Valkey of its own: time per look-up with insert and memory by photos remembered, beside its rivals."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from bench import ratios
from bench.duplicates.index.filled_index import Filled, valkey
from bench.duplicates.index.hashes import balanced, crops
from bench.duplicates.index.rivals import BkTree, Hashes, LinearScan, Rival
from bench.processes import BenchError
from worker.photos.hashes import PHASH

SIZES = (10_000, 100_000, 1_000_000)
SCANS, SEARCHES = 100, 10  # look-ups by numpy, and by the tree: a second each in the end
ROUNDS = 3  # of look-ups at each size: the p99 of one round is four look-ups' time
OTHER_RADII = (0, 4, 8)
STRANGERS = 10_000  # hashes to draw those from that have no look-alike on purpose


def steps(sizes: Sequence[int] = SIZES) -> int:
    """How often `measure` tells that it goes on."""
    return 5 * len(sizes) + 2


def measure(tell: Callable[[str], None], sizes: Sequence[int] = SIZES) -> dict[str, Any]:
    """Fill up to each size and look up: with hashes of chance, beside rivals and with other radii; as photos have them.

    Raises BenchError.
    """
    return {"radius": PHASH.radius, **_by_chance(tell, sizes), "crops": _of_photos(tell, sizes)}


def _by_chance(tell: Callable[[str], None], sizes: Sequence[int]) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    with valkey() as server:
        filled = Filled(server, balanced(sizes[-1], seed=1), balanced(STRANGERS, seed=2))
        for size in sizes:
            rows[str(size)] = _row(filled, size, "photos", tell)
            tell(f"numpy and a BK-tree among {size:,} photos")
            rows[str(size)] |= _rivals(filled.hashes, filled.asked)
        tell("other radii")
        radii = {str(radius): filled.look_up(radius) for radius in OTHER_RADII}
    return {"sizes": rows, "other_radii": radii}


def _of_photos(tell: Callable[[str], None], sizes: Sequence[int]) -> dict[str, Any]:
    tell(f"hashing {sizes[-1]:,} crops")
    hashes = crops(sizes[-1] + STRANGERS, seed=3)
    with valkey() as server:
        filled = Filled(server, hashes[STRANGERS:], hashes[:STRANGERS])
        return {str(size): _row(filled, size, "crops", tell) for size in sizes}


def _row(filled: Filled, size: int, what: str, tell: Callable[[str], None]) -> dict[str, float]:
    tell(f"remembering {size:,} {what}")
    filled.fill(size)
    weight = filled.weight()  # before look-ups leave notes and results at the server
    tell(f"looking up among {size:,} {what}")
    rounds = [filled.look_up(PHASH.radius) for _ in range(ROUNDS)]
    taken = max(one["cores_taken"] for one in rounds)
    return {**ratios.medians(rounds), "cores_taken": taken, **weight}


def _rivals(hashes: Hashes, asked: Sequence[tuple[int, int | None]]) -> dict[str, float]:
    """Milliseconds of a look-up by each rival. Raises BenchError when they differ, or miss what the index has found."""
    scan, scan_ms = _searched(LinearScan(hashes), asked[:SCANS])
    tree, tree_ms = _searched(BkTree(hashes), asked[:SEARCHES])
    for (bits, oldest), by_scan, by_tree in zip(asked, scan, tree, strict=False):
        if by_scan != by_tree or (oldest is not None and oldest not in by_scan):
            raise BenchError(f"of {bits:016x} numpy finds {by_scan}, the tree {by_tree}, the index {oldest}")
    return {"numpy_p50_ms": scan_ms, "bk_tree_p50_ms": tree_ms}


def _searched(rival: Rival, asked: Sequence[tuple[int, int | None]]) -> tuple[list[list[int]], float]:
    """What a rival finds, in rising order, and the median of its milliseconds."""
    found, took = list[list[int]](), list[float]()
    for bits, _ in asked:
        begun = time.perf_counter()
        within = rival.within(bits, PHASH.radius)
        took.append((time.perf_counter() - begun) * 1000)
        found.append(sorted(within))
    return found, statistics.median(took)
