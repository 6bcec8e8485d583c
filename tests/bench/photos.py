"""Photos to measure with: the samples, enlarged to what phones upload, each a little different."""

import io
import uuid
from pathlib import Path

from PIL import Image, ImageEnhance

SAMPLES = Path(__file__).parents[2] / "localstack" / "photos"
SIZES = {"small": (500, 375), "3 MP": (2000, 1500)}  # pixels
NAMES = ("coffee.png", "croissant.jpg", "coffee-cups.jpg")
DISTINCT = 12  # photos that are encoded; more would only cost time before the measurement


def jpegs(kind: str) -> list[bytes]:
    """Give DISTINCT JPEGs of a kind, of differing brightness and compression."""
    originals = [Image.open(SAMPLES / name).convert("RGB").resize(SIZES[kind]) for name in NAMES]
    return [_jpeg(originals[n % len(originals)], n) for n in range(DISTINCT)]


def image_id(kind: str, round_number: int, number: int) -> str:
    """Name a photo: the same for whoever scores it in this round."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}/{round_number}/{number}"))


def _jpeg(image: Image.Image, number: int) -> bytes:
    stream = io.BytesIO()
    ImageEnhance.Brightness(image).enhance(0.9 + 0.02 * number).save(stream, "JPEG", quality=80 + number)
    return stream.getvalue()
