"""Photos to measure with: the samples, enlarged to what phones upload, with a grain, each a little different."""

import io
import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

SAMPLES = Path(__file__).parents[1] / "localstack" / "photos"
SIZES = {"small": (500, 375), "3 MP": (2000, 1500), "12 MP": (4000, 3000)}  # pixels
NAMES = ("coffee.png", "croissant.jpg", "coffee-cups.jpg")
DISTINCT = {
    "small": 12,
    "3 MP": 9,
    "12 MP": 3,
}  # photos that are encoded; more would only cost time beforehand
GRAIN = {
    "small": 0.0,
    "3 MP": 4.0,
    "12 MP": 5.0,
}  # standard deviation: what is enlarged is smoother than a photo
QUALITY = {"small": 80, "3 MP": 84, "12 MP": 91}  # of the first, each further one has one more
TILE = 512  # pixels; the grain is repeated


@dataclass(frozen=True, slots=True)
class Load:
    """Photos that a contestant gets at once: `count` of a kind, the distinct ones again and again."""

    kind: str
    round_number: int
    distinct: Sequence[bytes] = field(repr=False)
    count: int

    @property
    def ids(self) -> list[str]:
        """Names of the photos: the same for whoever scores them in this round."""
        return [image_id(self.kind, self.round_number, number) for number in range(self.count)]


def jpegs(kind: str) -> list[bytes]:
    """Give the distinct JPEGs of a kind, of differing brightness and compression; 2 to 4 MB at 12 MP."""
    originals = [_enlarged(name, kind) for name in NAMES]
    return [_jpeg(originals[n % len(originals)], n, QUALITY[kind] + n) for n in range(DISTINCT[kind])]


def as_upload(photo: bytes, name: str) -> bytes:
    """Give the photo bytes of its own, or the worker would know it by those of an earlier one.

    What follows a JPEG's or PNG's end changes no pixel; nor does a free box of a HEIC.
    """
    return photo + struct.pack(">I4s", 8 + len(name), b"free") + name.encode()


def image_id(kind: str, round_number: int, number: int) -> str:
    """Name a photo: the same for whoever scores it in this round."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}/{round_number}/{number}"))


def _enlarged(name: str, kind: str) -> Image.Image:
    image = Image.open(SAMPLES / name).convert("RGB").resize(SIZES[kind])
    if not GRAIN[kind]:
        return image
    pixels = np.asarray(image).astype(np.int16)
    height, width = pixels.shape[:2]
    tile = np.random.default_rng(1).normal(0, GRAIN[kind], (TILE, TILE, 1)).astype(np.int16)
    grain = np.tile(tile, (-(-height // TILE), -(-width // TILE), 1))[:height, :width]
    return Image.fromarray((pixels + grain).clip(0, 255).astype(np.uint8))


def _jpeg(image: Image.Image, number: int, quality: int) -> bytes:
    stream = io.BytesIO()
    ImageEnhance.Brightness(image).enhance(0.9 + 0.02 * number).save(stream, "JPEG", quality=quality)
    return stream.getvalue()
