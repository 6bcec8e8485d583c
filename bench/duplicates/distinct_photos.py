"""Small photos that all show something different: crops of the available photos."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from bench.photos import QUALITY, SIZES

LEAST = 0.3  # of each side that a crop keeps
KIND = "small"


def jpegs(photos: Sequence[Image.Image], count: int, seed: int) -> list[bytes]:
    """Cut `count` crops of random place, size and shape from RGB photos, half of them mirrored."""
    chance = np.random.default_rng(seed)
    return [_jpeg(_crop(chance, photos[number % len(photos)])) for number in range(count)]


def _crop(chance: np.random.Generator, photo: Image.Image) -> Image.Image:
    width, height = (int(side * chance.uniform(LEAST, 1)) for side in photo.size)
    left, top = chance.integers(photo.width - width + 1), chance.integers(photo.height - height + 1)
    cut = photo.resize(SIZES[KIND], box=(int(left), int(top), int(left) + width, int(top) + height))
    return cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if chance.random() < 0.5 else cut


def _jpeg(photo: Image.Image) -> bytes:
    stream = io.BytesIO()
    photo.save(stream, "JPEG", quality=QUALITY[KIND])
    return stream.getvalue()
