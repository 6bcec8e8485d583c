"""Multi-index hashing: finds the buckets that hold every hash within a radius of another. Pure.

A hash is cut into bands of 16 bits. A bucket holds the hashes that share the bits of one band. Take
two hashes that differ in r = m·a + b bits, each cut into m bands: either one of the first b + 1
bands differs in at most a bits, or one of the others in at most a − 1. So it is enough to read the
buckets with that many bits flipped: none within the radius is missed.
Source: M. Norouzi, A. Punjani, D. Fleet, "Fast search in Hamming space with multi-index hashing",
CVPR 2012.

The scripts in adapters/redis/lua/ read and write the buckets.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, count

from worker.photos import looks

BAND = 16  # bits
MOST_BUCKETS = 2_500  # for one look-up; Redis's Lua takes no more than some 8,000 values at once


@dataclass(frozen=True, slots=True)
class DuplicateRule:
    """A duplicate is within `radius` bits of a photo of the last `window` seconds.

    Their hashes must be of the same algorithm. With a window of 0 no photo is remembered.
    """

    radius: int
    window: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The content of a photo, which tells in which keys of the index it is."""

    sha256: str  # hex
    image_hash: str | None  # algorithm-version:hex
    image_colours: str | None = None  # likewise; the record does not have them, its entries do

    def __str__(self) -> str:
        """Write the beginning of a record. The moment of the entry follows it."""
        return f"{self.sha256} {self.image_hash or '-'}"

    @classmethod
    def read(cls, record: str) -> "Fingerprint":
        """Read a record. Raises ValueError."""
        sha256, image_hash, _ = record.split(" ")
        fingerprint = cls(sha256, None if image_hash == "-" else image_hash)
        if len(fingerprint.bits) * 8 % BAND:
            raise ValueError(f"{image_hash!r} is not a hash")
        return fingerprint

    @property
    def bits(self) -> bytes:
        """The bits of the hash. Empty without one."""
        return bits(self.image_hash)

    @property
    def colours(self) -> bytes:
        """The colours as an entry has them. Empty without any."""
        return looks.packed(self.image_colours)


def bits(image_hash: str | None) -> bytes:
    """Read the bits of a hash. Empty without one."""
    return bytes.fromhex(image_hash.partition(":")[2]) if image_hash else b""


def distance(one: str | None, other: str | None) -> int | None:
    """Count the bits in which two hashes differ. None if they cannot be compared."""
    if one is None or other is None or one.partition(":")[0] != other.partition(":")[0]:
        return None
    return (int(one.partition(":")[2], 16) ^ int(other.partition(":")[2], 16)).bit_count()


def buckets(bits: bytes, radius: int) -> list[tuple[int, int]]:
    """Find the buckets (band, value) with every hash within the radius, the hash's own first."""
    own = list(enumerate(_cut(bits)))
    masks = _masks_by_band(len(own), radius) if own else []
    return own + [(band, value ^ mask) for band, value in own for mask in masks[band]]


def count_bands(bits: bytes) -> int:
    """Count the bands of a hash, and so its own buckets."""
    return len(bits) * 8 // BAND


def count_buckets(width: int, radius: int) -> int:
    """Count the buckets that a look-up reads. `width`: bits of a hash."""
    bands = width // BAND
    return bands + sum(map(len, _masks_by_band(bands, radius)))


def widest_radius(width: int) -> int:
    """Find the largest radius whose look-ups read at most MOST_BUCKETS. `width`: bits of a hash."""
    return next(radius for radius in count() if count_buckets(width, radius + 1) > MOST_BUCKETS)


def _cut(bits: bytes) -> Sequence[int]:
    """Cut a hash into bands, dealing out its bits like cards.

    Photos differ least in their lowest frequencies, which are neighbours in a hash. A band with all
    of them would have few buckets, all of them full. So each band gets its share.
    """
    dealt = 0
    for values, byte in zip(_deal(len(bits)), bits, strict=True):
        dealt |= values[byte]
    bands = count_bands(bits)
    return [dealt >> BAND * (bands - 1 - band) & (1 << BAND) - 1 for band in range(bands)]


@cache
def _deal(size: int) -> Sequence[Sequence[int]]:
    """Where bits go: for each byte of a hash of `size` bytes, and each value of that byte."""
    width, side = size * 8, math.isqrt(size * 8)
    bands = width // BAND
    # The lowest frequencies first.
    order = sorted(range(width), key=lambda bit: (sum(divmod(bit, side)), bit))
    place = {bit: (turn % bands) * BAND + turn // bands for turn, bit in enumerate(order)}
    return [
        [
            sum(1 << width - 1 - place[8 * at + bit] for bit in range(8) if value >> 7 - bit & 1)
            for value in range(256)
        ]
        for at in range(size)
    ]


@cache
def _masks_by_band(bands: int, radius: int) -> Sequence[Sequence[int]]:
    """For each band, the masks of the bits to flip."""
    each, more = divmod(radius, bands)
    return [_masks(each if band <= more else each - 1) for band in range(bands)]


@cache
def _masks(most: int) -> Sequence[int]:
    """Every mask of 1 to `most` bits of a band."""
    return [
        sum(1 << bit for bit in places)
        for size in range(1, most + 1)
        for places in combinations(range(BAND), size)
    ]
