"""Sample photos, and ways to spoil them."""

import io
import struct
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
