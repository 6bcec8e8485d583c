"""The sample photos, and photos that harm: what the playground can send by itself."""

import struct
import zlib
from collections.abc import Mapping

from localstack.samples import PHOTOS

TITLES = {
    "coffee.png": "An espresso",
    "coffee-rotated.jpg": "The same espresso, stored on its side",
    "coffee-cups.jpg": "A cup on a wooden table",
    "croissant.jpg": "A croissant",
    "croissant.heic": "The same croissant, as phones store it (HEIC)",
}
BURST = ("croissant.jpg", "coffee-cups.jpg", "coffee-rotated.jpg")  # small ones


def read() -> Mapping[str, bytes]:
    """Read the samples, by name."""
    return {name: (PHOTOS / name).read_bytes() for name in TITLES}


def truncated(photo: bytes) -> bytes:
    """Leave out a photo's second half, as an upload that was cut short does."""
    return photo[: len(photo) // 2]


def bomb(side: int = 50_000) -> bytes:
    """Make a PNG of a few hundred bytes that would take `side` squared pixels, 3 bytes each."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 100_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
