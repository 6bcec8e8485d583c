"""Sample photos, and ways to spoil them."""

import io
import struct
import zlib
from pathlib import Path

from PIL import Image

SAMPLES = Path(__file__).parents[2] / "localstack" / "photos"
COFFEE = SAMPLES / "coffee.png"
NOT_FOOD = Path(__file__).parents[1] / "data" / "not-food.jpg"


def coffee(image_format: str = "JPEG", **options: object) -> bytes:
    """The coffee photo in any format."""
    stream = io.BytesIO()
    with Image.open(COFFEE) as image:
        image.convert("RGB").save(stream, image_format, **options)
    return stream.getvalue()


def truncated() -> bytes:
    """A JPEG that ends in the middle of its scan."""
    whole = coffee()
    return whole[: len(whole) // 2]


def bomb(width: int = 50_000, height: int = 50_000) -> bytes:
    """A PNG of a few hundred bytes whose header says 2.5 gigapixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 100_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def huge_heic() -> bytes:
    """A small HEIC whose container says 20,000 × 10,000 pixels."""
    small = coffee("HEIF")
    at = small.index(b"ispe") + 8  # after the box's type and its version and flags
    return small[:at] + struct.pack(">II", 20_000, 10_000) + small[at + 8 :]


def single_pixel() -> bytes:
    """The smallest photo there is."""
    stream = io.BytesIO()
    Image.new("RGB", (1, 1), "brown").save(stream, "PNG")
    return stream.getvalue()


def plain(colour: str) -> bytes:
    """A small photo of one colour."""
    stream = io.BytesIO()
    Image.new("RGB", (32, 32), colour).save(stream, "PNG")
    return stream.getvalue()


def animated_webp() -> bytes:
    """Coffee first, then black."""
    stream = io.BytesIO()
    with Image.open(COFFEE) as image:
        first = image.convert("RGB")
    first.save(stream, "WEBP", save_all=True, append_images=[Image.new("RGB", first.size)], lossless=False)
    return stream.getvalue()
