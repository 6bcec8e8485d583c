"""Two other ways to find the look-alikes of a hash among many, in this process's memory: numpy, and a BK-tree."""

import sys
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from bench.processes import ROOT, BenchError

PEERS = ROOT / ".bench-peers"  # what `make bench` downloads

Hashes = npt.NDArray[np.uint64]


class Rival(Protocol):
    """Finds the places of all hashes within a radius."""

    def within(self, wanted: int, radius: int) -> list[int]:
        """Give them in any order."""
        ...


class LinearScan:
    """Numpy compares all of them, a few machine instructions each."""

    def __init__(self, hashes: Hashes) -> None:
        self._hashes = hashes

    def within(self, wanted: int, radius: int) -> list[int]:
        """Give the places of all hashes within a radius."""
        distances = np.bitwise_count(self._hashes ^ np.uint64(wanted))
        return [int(place) for place in np.flatnonzero(distances <= radius)]


class BkTree:
    """Imagededup's, given numbers instead of hexadecimal text, which it would have to read at each comparison."""

    def __init__(self, hashes: Hashes) -> None:
        """Raise BenchError when imagededup is not there."""
        self._tree: Any = _tree_class()(
            {place: int(bits) for place, bits in enumerate(hashes)},
            lambda one, other: (one ^ other).bit_count(),
        )

    def within(self, wanted: int, radius: int) -> list[int]:
        """Give the places of all hashes within a radius."""
        return [place for place, _ in self._tree.search(wanted, tol=radius)]


def _tree_class() -> Any:
    if not (PEERS / "imagededup").is_dir():
        raise BenchError(f"{PEERS.relative_to(ROOT)}/imagededup is missing: `make bench` downloads it")
    sys.path.append(str(PEERS))  # last: nothing of ours is to come from there
    try:
        from imagededup.handlers.search.bktree import BKTree
    finally:
        sys.path.remove(str(PEERS))
    return BKTree
