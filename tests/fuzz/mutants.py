"""Damages pictures at random, in ways that change what decoders believe about sizes and numbers."""

import io
import random
from collections.abc import Iterator

import numpy as np
from PIL import Image

SEEDS = ((64, 64), (640, 480))  # pixels of the pictures that are damaged
THUMBNAIL = 320  # pixels of the longer side: enough to be decoded in place of the photo
MOST = 2_000_000  # bytes of a mutant
EXTREMES = (
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\0\0\xff\xff",
    b"\xff\xff\0\0",
    b"\0\1\0\0",
)


def mutants(image_format: str, number: int, seed: int) -> Iterator[bytes]:
    """Yield so many damaged pictures, the same ones for the same seed."""
    chance = random.Random(f"{image_format} {seed}")
    pictures = [
        _picture(image_format, size, **options) for size in SEEDS for options in _options(image_format)
    ]
    for _ in range(number):
        data = chance.choice(pictures)
        for _ in range(chance.randint(1, 4)):
            data = chance.choice((_flip, _overwrite, _repeat, _remove, _insert))(data, chance)
        yield data[:MOST]


def light_mutants(data: bytes, number: int, seed: int) -> Iterator[bytes]:
    """Yield files with one to three bytes among the first `number` changed, each of these bytes at least once."""
    chance = random.Random(seed)
    for at in range(number):
        changed = bytearray(data)
        for place in (at, *(chance.randrange(number) for _ in range(chance.randrange(3)))):
            changed[place] = chance.choice((0, 1, 2, 127, 255, changed[place] ^ 1 << chance.randrange(8)))
        yield bytes(changed)


def _options(image_format: str) -> list[dict[str, object]]:
    more: dict[str, dict[str, object]] = {"JPEG": {"progressive": True}, "HEIF": {"thumbnails": [THUMBNAIL]}}
    return [{}, more[image_format]] if image_format in more else [{}]


def _picture(image_format: str, size: tuple[int, int], **options: object) -> bytes:
    stream = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(noise).save(stream, image_format, **options)
    return stream.getvalue()


def _place(data: bytes, chance: random.Random) -> int:
    """Choose a place; headers, which are at the beginning, are hit most often."""
    return int(len(data) * chance.random() ** 4)


def _flip(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 20)):
        changed[_place(data, chance)] = chance.randrange(256)
    return bytes(changed)


def _overwrite(data: bytes, chance: random.Random) -> bytes:
    at = _place(data, chance)
    return data[:at] + chance.choice(EXTREMES) + data[at + 4 :]


def _repeat(data: bytes, chance: random.Random) -> bytes:
    at = _place(data, chance)
    part = data[at : at + 2 ** chance.randint(1, 12)]
    return data[:at] + part * chance.randint(2, 1_000) + data[at:]


def _remove(data: bytes, chance: random.Random) -> bytes:
    at = _place(data, chance)
    return data[:at] + data[at + 2 ** chance.randint(1, 8) :] or data


def _insert(data: bytes, chance: random.Random) -> bytes:
    at = _place(data, chance)
    return (
        data[:at]
        + chance.choice((b"\0", b"\xff", b"!\xfe\1x", b"\xff\xda")) * chance.randint(1, 50_000)
        + data[at:]
    )
