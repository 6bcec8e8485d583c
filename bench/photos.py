"""Photos to measure with: the samples, enlarged to the size of phone photos, with grain."""

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
# Different photos of each kind; more would only take time to encode.
DISTINCT = {"small": 12, "3 MP": 9, "12 MP": 3}
# Standard deviation of the grain: an enlarged picture is smoother than a photo.
GRAIN = {"small": 0.0, "3 MP": 4.0, "12 MP": 5.0}
# JPEG quality of the first photo; each further one has one more.
QUALITY = {"small": 80, "3 MP": 84, "12 MP": 91}
TILE = 512  # pixels; the grain is repeated


@dataclass(frozen=True, slots=True)
class Load:
    """Photos that a contestant gets at once: `count` of a kind, the distinct ones in turn."""

    kind: str
    round_number: int
    distinct: Sequence[bytes] = field(repr=False)
    count: int

    @property
    def ids(self) -> list[str]:
        """Ids of the photos: the same for all contestants of a round."""
        return [image_id(self.kind, self.round_number, number) for number in range(self.count)]


def jpegs(kind: str) -> list[bytes]:
    """Make the distinct JPEGs of a kind, of different brightness and quality; 2 to 4 MB at 12 MP."""
    originals = [enlarge(name, kind) for name in NAMES]
    return [_jpeg(originals[n % len(originals)], n, QUALITY[kind] + n) for n in range(DISTINCT[kind])]


def as_upload(photo: bytes, name: str) -> bytes:
    """Make the photo's bytes unique, or the worker would recognise an earlier one with the same bytes.

    Bytes after the end of a JPEG or PNG change no pixel; nor does a free box of a HEIC.
    """
    return photo + struct.pack(">I4s", 8 + len(name), b"free") + name.encode()


def image_id(kind: str, round_number: int, number: int) -> str:
    """Make the id of a photo: the same for all contestants of a round."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}/{round_number}/{number}"))


def enlarge(name: str, kind: str) -> Image.Image:
    """Enlarge a sample to the size of a kind of photo, with grain."""
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
