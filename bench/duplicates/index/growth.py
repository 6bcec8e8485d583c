"""Time of a look-up with insert, and memory, by number of photos; beside rivals."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from bench import ratios
from bench.duplicates.index.filled_index import FilledIndex
from bench.duplicates.index.hashes import draw_balanced, hash_crops
from bench.duplicates.index.rivals import BkTree, Hashes, LinearScan, Rival
from bench.duplicates.index.server import start_valkey
from bench.processes import BenchError
from worker.photos.hashes import PHASH

SIZES = (10_000, 100_000, 1_000_000)
SCANS, SEARCHES = 100, 10  # look-ups by numpy, and by the tree: up to a second each
ROUNDS = 3  # of look-ups at each size: the p99 of one round rests on four look-ups
OTHER_RADII = (0, 4, 8)
STRANGERS = 10_000  # hashes for the look-ups that have no look-alike on purpose


def steps(sizes: Sequence[int] = SIZES) -> int:
    """How many times `measure` reports progress."""
    return 5 * len(sizes) + 2


def measure(tell: Callable[[str], None], sizes: Sequence[int] = SIZES) -> dict[str, Any]:
    """Fill the index to each size and look up: random hashes, then hashes of photos.

    Raises BenchError.
    """
    return {"radius": PHASH.radius, **_measure_random(tell, sizes), "crops": _measure_photos(tell, sizes)}


def _measure_random(tell: Callable[[str], None], sizes: Sequence[int]) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    with start_valkey() as server:
        filled = FilledIndex(server, draw_balanced(sizes[-1], seed=1), draw_balanced(STRANGERS, seed=2))
        for size in sizes:
            rows[str(size)] = measure_size(filled, size, "photos", tell)
            tell(f"numpy and a BK-tree among {size:,} photos")
            rows[str(size)] |= run_rivals(filled.hashes, filled.asked)
        tell("other radii")
        radii = {str(radius): filled.look_up(radius) for radius in OTHER_RADII}
    return {"sizes": rows, "other_radii": radii}


def _measure_photos(tell: Callable[[str], None], sizes: Sequence[int]) -> dict[str, Any]:
    tell(f"hashing {sizes[-1]:,} crops")
    hashes = hash_crops(sizes[-1] + STRANGERS, seed=3)
    with start_valkey() as server:
        filled = FilledIndex(server, hashes[STRANGERS:], hashes[:STRANGERS])
        return {str(size): measure_size(filled, size, "crops", tell) for size in sizes}


def measure_size(filled: FilledIndex, size: int, what: str, tell: Callable[[str], None]) -> dict[str, float]:
    """Fill the index to a size, then look up."""
    tell(f"filling the index with {size:,} {what}")
    filled.fill(size)
    weight = filled.weigh()  # before look-ups add results and slow-log entries
    tell(f"looking up among {size:,} {what}")
    rounds = [filled.look_up(PHASH.radius) for _ in range(ROUNDS)]
    taken = max(one["cores_taken"] for one in rounds)
    return {**ratios.medians(rounds), "cores_taken": taken, **weight}


def run_rivals(hashes: Hashes, asked: Sequence[tuple[int, int | None]]) -> dict[str, float]:
    """Milliseconds of a look-up by each rival. Raises BenchError when they and the index disagree."""
    scan, scan_ms = _search(LinearScan(hashes), asked[:SCANS])
    tree, tree_ms = _search(BkTree(hashes), asked[:SEARCHES])
    for (bits, oldest), by_scan, by_tree in zip(asked, scan, tree, strict=False):
        if by_scan != by_tree or (oldest is not None and oldest not in by_scan):
            raise BenchError(f"of {bits:016x} numpy finds {by_scan}, the tree {by_tree}, the index {oldest}")
    return {"numpy_p50_ms": scan_ms, "bk_tree_p50_ms": tree_ms}


def _search(rival: Rival, asked: Sequence[tuple[int, int | None]]) -> tuple[list[list[int]], float]:
    """What a rival finds, ascending, and the median of its milliseconds."""
    found, took = list[list[int]](), list[float]()
    for bits, _ in asked:
        begun = time.perf_counter()
        within = rival.within(bits, PHASH.radius)
        took.append((time.perf_counter() - begun) * 1000)
        found.append(sorted(within))
    return found, statistics.median(took)
