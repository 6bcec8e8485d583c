"""What phones and messengers do to a photo: the same picture in other bytes."""

import io
from collections.abc import Callable
from functools import partial
from typing import Any

from PIL import ExifTags, Image, ImageEnhance

from worker.photos import decoding  # noqa: F401 - makes Pillow write HEIC

QUALITY = 90  # of JPEGs whose quality does not matter
SIDES = {"each side": (1, 1, 1, 1), "one side": (1, 0, 0, 0)}  # left, top, right, bottom
TURNED = {  # EXIF orientation → how a picture is stored that shows upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
FORMATS = {"PNG": "PNG", "WebP": "WEBP", "AVIF": "AVIF", "HEIC": "HEIF", "GIF": "GIF"}

Make = Callable[[Image.Image], bytes]  # of an upright RGB photo


def variants() -> dict[str, Make]:
    """Return every transformation by name, kind by kind."""
    made: dict[str, Make] = {f"JPEG {q}": partial(_encode, quality=q) for q in (30, 50, 70, 85, 95)}
    made |= {f"size {share} %": partial(_resize, share=share / 100) for share in (10, 25, 50, 150, 200)}
    made |= {
        f"crop {share} %, {says}": partial(_crop, share=share / 100, sides=sides)
        for share in (2, 5)
        for says, sides in SIDES.items()
    }
    made |= {
        f"brightness {change:+d} %": partial(_brighten, factor=1 + change / 100)
        for change in (-20, -10, 10, 20)
    }
    made |= {
        f"white balance {change:+d} %": partial(_warm, change=change / 100) for change in (-10, -5, 5, 10)
    }
    made |= {f"orientation {tag}": partial(_turn, tag=tag) for tag in TURNED}
    return made | {
        name: partial(_encode, image_format=image_format) for name, image_format in FORMATS.items()
    }


def _encode(image: Image.Image, image_format: str = "JPEG", **options: Any) -> bytes:
    """Encode with the format's defaults, unless options say otherwise."""
    stream = io.BytesIO()
    image.save(stream, image_format, **options)
    return stream.getvalue()


def jpeg(image: Image.Image, **options: Any) -> bytes:
    """Encode as a JPEG of ordinary quality."""
    return _encode(image, quality=QUALITY, **options)


def _resize(image: Image.Image, share: float) -> bytes:
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    return jpeg(image.resize(size, Image.Resampling.LANCZOS))


def _crop(image: Image.Image, share: float, sides: tuple[int, int, int, int]) -> bytes:
    """Cut off a share of the width or height at the sides that are 1."""
    left, top, right, bottom = sides
    x, y = image.width * share, image.height * share
    box = (left * x, top * y, image.width - right * x, image.height - bottom * y)
    return jpeg(image.crop((round(box[0]), round(box[1]), round(box[2]), round(box[3]))))


def _brighten(image: Image.Image, factor: float) -> bytes:
    return jpeg(ImageEnhance.Brightness(image).enhance(factor))


def _warm(image: Image.Image, change: float) -> bytes:
    """Make it warmer, or colder, as cameras do that see another light: by red against blue."""
    gains = (1 + change / 2, 1.0, 1 - change / 2)
    planes = [
        plane.point(lambda value, gain=gain: round(value * gain))
        for plane, gain in zip(image.split(), gains, strict=True)
    ]
    return jpeg(Image.merge("RGB", planes))


def _turn(image: Image.Image, tag: int) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = tag
    return jpeg(image.transpose(TURNED[tag]), exif=exif)
