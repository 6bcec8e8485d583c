"""Multi-index hashing: which buckets hold every hash within a radius of another. Pure.

A hash is cut into bands of 16 bits, dealt out among them, and a bucket holds the hashes that agree in one band. Of two
hashes that differ in r = m·a + b bits, cut into m bands, one of the first b + 1 bands differs in at most a bits, or one
of the others in at most a − 1. So it is enough to look into the buckets of that many flipped bits: none within the
radius is missed.
Source: M. Norouzi, A. Punjani, D. Fleet, "Fast search in Hamming space with multi-index hashing", CVPR 2012.

What lies in the buckets is written and read by the scripts in adapters/redis/lua/.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, count

BAND = 16  # bits
WIDEST = 2_500  # buckets a look-up may read; Redis's Lua takes no more than some 8,000 values at once


@dataclass(frozen=True, slots=True)
class DuplicateRule:
    """What counts as a duplicate: a hash of the same algorithm within `radius` bits, seen in the last `window` seconds.

    With a window of 0 nothing is looked for, and nothing kept.
    """

    radius: int
    window: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What the index keeps of a photo beside its entries, to find them again: its record, but for the moment."""

    sha256: str  # hex
    image_hash: str | None  # algorithm-version:hex

    def __str__(self) -> str:
        """Write as a record begins."""
        return f"{self.sha256} {self.image_hash or '-'}"

    @classmethod
    def read(cls, record: str) -> "Seen":
        """Read a record. Raises ValueError."""
        sha256, image_hash, _ = record.split(" ")
        seen = cls(sha256, None if image_hash == "-" else image_hash)
        if len(seen.bits) * 8 % BAND:
            raise ValueError(f"{image_hash!r} is no hash")
        return seen

    @property
    def bits(self) -> bytes:
        """The hash itself; empty without one."""
        return bytes.fromhex(self.image_hash.partition(":")[2]) if self.image_hash else b""

    def own_buckets(self, root: str) -> list[str]:
        """Name the buckets that hold this hash, one for each band."""
        return buckets(root, self.image_hash, 0)

    def keys(self, root: str, image_id: str) -> list[str]:
        """Name all keys that a photo with this content has in the index: record, exact, own buckets."""
        return [record(root, image_id), self.exact(root), *self.own_buckets(root)]

    def exact(self, root: str) -> str:
        """Name the key that tells who had these bytes first."""
        return f"{root}exact:{self.sha256}"


def record(root: str, image_id: str) -> str:
    """Name the key of a photo's record."""
    return f"{root}photo:{image_id}"


def clock(root: str) -> str:
    """Name the key of the latest moment that an entry was given."""
    return f"{root}clock"


def buckets(root: str, image_hash: str | None, radius: int) -> list[str]:
    """Name the buckets to read for every hash within the radius: first those of the hash itself, band by band."""
    if not image_hash:
        return []
    algorithm, _, digits = image_hash.partition(":")
    bands = _bands(bytes.fromhex(digits))
    own = [f"{root}{algorithm}:{number}:{band:04x}" for number, band in enumerate(bands)]
    return own + [
        f"{root}{algorithm}:{number}:{bands[number] ^ flipped:04x}"
        for number, masks in enumerate(flips(len(bands), radius))
        for flipped in masks
    ]


def reads(bits: int, radius: int) -> int:
    """How many buckets a look-up reads."""
    bands = bits // BAND
    return bands + sum(map(len, flips(bands, radius)))


def distance(one: str | None, other: str | None) -> int | None:
    """Give how many bits of two hashes differ; None where they cannot be compared."""
    if one is None or other is None or one.partition(":")[0] != other.partition(":")[0]:
        return None
    return (int(one.partition(":")[2], 16) ^ int(other.partition(":")[2], 16)).bit_count()


def widest_radius(bits: int) -> int:
    """Give the largest radius whose look-ups read no more than WIDEST buckets."""
    return next(radius for radius in count() if reads(bits, radius + 1) > WIDEST)


def _bands(bits: bytes) -> Sequence[int]:
    """Cut a hash into bands, its bits dealt out like cards.

    Photos differ least in their lowest frequencies, which stand side by side in a hash. A band with all of them would
    have few buckets, and those full; so each band gets its share.
    """
    dealt = 0
    for values, byte in zip(_dealt(len(bits)), bits, strict=True):
        dealt |= values[byte]
    count_of = len(bits) * 8 // BAND
    return [dealt >> BAND * (count_of - 1 - band) & (1 << BAND) - 1 for band in range(count_of)]


@cache
def _dealt(size: int) -> Sequence[Sequence[int]]:
    """For each byte of a hash of so many, and each value of it, where its bits lie once they are dealt out."""
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
def flips(bands: int, radius: int) -> Sequence[Sequence[int]]:
    """For each band, the masks of one flipped bit or more that must be tried."""
    each, more = divmod(radius, bands)
    return [_masks(each if band <= more else each - 1) for band in range(bands)]


@cache
def _masks(most: int) -> Sequence[int]:
    """Every mask of 1 … `most` bits of a band."""
    return [
        sum(1 << bit for bit in some)
        for size in range(1, most + 1)
        for some in combinations(range(BAND), size)
    ]
