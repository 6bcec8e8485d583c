"""Two other ways to find look-alikes, in this process's memory: numpy, and a BK-tree."""

import sys
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from bench.processes import PEERS, ROOT, BenchError

Hashes = npt.NDArray[np.uint64]


class Rival(Protocol):
    """Finds the positions of all hashes within a radius."""

    def within(self, bits: int, radius: int) -> list[int]:
        """Return them in any order."""


class LinearScan:
    """Compares all hashes with numpy, at a few machine instructions each."""

    def __init__(self, hashes: Hashes) -> None:
        self._hashes = hashes

    def within(self, bits: int, radius: int) -> list[int]:
        """Return the positions of all hashes within a radius."""
        distances = np.bitwise_count(self._hashes ^ np.uint64(bits))
        return [int(place) for place in np.flatnonzero(distances <= radius)]


class BkTree:
    """Imagededup's BK-tree, with numbers instead of hexadecimal text, which it would parse each time."""

    def __init__(self, hashes: Hashes) -> None:
        """Raise BenchError when imagededup is missing."""
        self._tree: Any = _tree_class()(
            {place: int(one) for place, one in enumerate(hashes)},
            lambda one, other: (one ^ other).bit_count(),
        )

    def within(self, bits: int, radius: int) -> list[int]:
        """Return the positions of all hashes within a radius."""
        return [place for place, _ in self._tree.search(bits, tol=radius)]


def _tree_class() -> Any:
    if not (PEERS / "imagededup").is_dir():
        raise BenchError(f"{PEERS.relative_to(ROOT)}/imagededup is missing: `make bench` downloads it")
    sys.path.append(str(PEERS))  # last: our own packages come first
    try:
        from imagededup.handlers.search.bktree import BKTree
    finally:
        sys.path.remove(str(PEERS))
    return BKTree
