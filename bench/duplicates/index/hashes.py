"""Hashes to fill the index with, by the million: random ones, and hashes of crops of photos.

Real hashes are not random: phash's first bit is always set, and skies are brighter than the ground.
So some buckets hold many entries, and look-ups read more. (Crops of few photos are more alike than a
million photos of many people would be, so they may exaggerate.)
"""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from bench.duplicates.index.rivals import Hashes
from bench.duplicates.quality import album
from worker.photos.hashes import LOW, SIDE

MOST = 512  # pixels of a side that crops are taken from
LEAST = 0.3  # of each side that a crop keeps
LOT = 2000  # crops at a time
_COSINES = np.cos(np.pi * np.arange(LOW)[:, None] * (2 * np.arange(SIDE) + 1) / (2 * SIDE))
_UPPER = LOW * LOW // 2  # where the upper half begins

Sums = npt.NDArray[np.float64]  # of the luminance above and left of each pixel's corner
Luminances = npt.NDArray[np.float64]  # [n, SIDE, SIDE]


def draw_balanced(count: int, seed: int) -> Hashes:
    """Draw random hashes with half of their bits set, as phash sets them."""
    chance, drawn = np.random.default_rng(seed), np.empty(count, np.uint64)
    for start in range(0, count, 50_000):
        ranks = chance.random((min(50_000, count - start), 64)).argsort(axis=1)
        drawn[start : start + len(ranks)] = np.packbits(ranks < 32, axis=1).view(np.uint64)[:, 0]
    return drawn


def hash_crops(count: int, seed: int) -> Hashes:
    """Hash `count` crops in random order, every second one mirrored. Raises BenchError."""
    chance, photos = np.random.default_rng(seed), [sums(one.data) for one in album.photos()]
    each = -(-count // len(photos))
    drawn = [
        phash(luminances(chance, photo, min(LOT, each - start)))
        for photo in photos
        for start in range(0, each, LOT)
    ]
    return chance.permutation(np.concatenate(drawn))[:count]


def sums(photo: bytes) -> Sums:
    """Sum a photo's luminance, so that the mean of any rectangle takes four look-ups."""
    with Image.open(io.BytesIO(photo)) as image:
        grey = image.convert("L")
    grey.thumbnail((MOST, MOST))
    return np.pad(np.asarray(grey, np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))


def luminances(chance: np.random.Generator, photo: Sums, count: int) -> Luminances:
    """Cut crops of random place, size and shape, and average each down to [SIDE, SIDE]."""
    ys, xs = (_edges(chance, size - 1, count) for size in photo.shape)
    corners = photo[ys[:, :, None], xs[:, None, :]]
    areas = np.diff(ys)[:, :, None] * np.diff(xs)[:, None, :]
    cut: Luminances = np.diff(np.diff(corners, axis=1), axis=2) / areas
    cut[::2] = cut[::2, :, ::-1]
    return cut


def phash(luminance: Luminances) -> Hashes:
    """Hash many at once, as the worker's phash does."""
    low = (_COSINES @ luminance @ _COSINES.T).reshape(len(luminance), -1)
    # The least of the upper half instead of the median: the same bits, at a fraction of the cost.
    upper = np.partition(low, _UPPER, axis=1)[:, _UPPER, None]
    return np.packbits(low >= upper, axis=1).view(">u8")[:, 0].astype(np.uint64)


def _edges(chance: np.random.Generator, size: int, count: int) -> npt.NDArray[np.int64]:
    """Borders of the SIDE parts of each crop on a side of `size` pixels: [count, SIDE + 1]."""
    least = max(SIDE, int(size * LEAST))
    lengths = chance.integers(least, size + 1, count)
    starts = chance.integers(0, size - lengths + 1)
    edges: npt.NDArray[np.int64] = starts[:, None] + np.arange(SIDE + 1) * lengths[:, None] // SIDE
    return edges
