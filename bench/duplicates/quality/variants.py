"""What becomes of a photo on its way through phones and messengers: the same picture in other bytes."""

import io
from collections.abc import Callable
from functools import partial
from typing import Any

from PIL import ExifTags, Image, ImageEnhance

from worker.photos import decoding  # noqa: F401 - lets Pillow write HEIC

QUALITY = 90  # of what is stored as JPEG for want of anything else to vary
SIDES = {"each side": (1, 1, 1, 1), "one side": (1, 0, 0, 0)}  # left, top, right, bottom
TURNED = {  # EXIF orientation → how the picture is stored, so that it shows upright
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
    """Every transformation by its name, those of a kind beside one another."""
    made: dict[str, Make] = {f"JPEG {q}": partial(_stored, quality=q) for q in (30, 50, 70, 85, 95)}
    made |= {f"size {share} %": partial(_resized, share=share / 100) for share in (10, 25, 50, 150, 200)}
    made |= {
        f"crop {share} %, {says}": partial(_cropped, share=share / 100, sides=sides)
        for share in (2, 5)
        for says, sides in SIDES.items()
    }
    made |= {
        f"brightness {change:+d} %": partial(_brightened, factor=1 + change / 100)
        for change in (-20, -10, 10, 20)
    }
    made |= {f"orientation {tag}": partial(_turned, tag=tag) for tag in TURNED}
    return made | {
        name: partial(_stored, image_format=image_format) for name, image_format in FORMATS.items()
    }


def _stored(image: Image.Image, image_format: str = "JPEG", **options: Any) -> bytes:
    """Encode, as the format does it by itself where nothing is said."""
    stream = io.BytesIO()
    image.save(stream, image_format, **options)
    return stream.getvalue()


def _jpeg(image: Image.Image, **options: Any) -> bytes:
    return _stored(image, quality=QUALITY, **options)


def _resized(image: Image.Image, share: float) -> bytes:
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    return _jpeg(image.resize(size, Image.Resampling.LANCZOS))


def _cropped(image: Image.Image, share: float, sides: tuple[int, int, int, int]) -> bytes:
    """Cut off a share of the width or height at the sides that are 1."""
    left, top, right, bottom = sides
    x, y = image.width * share, image.height * share
    box = (left * x, top * y, image.width - right * x, image.height - bottom * y)
    return _jpeg(image.crop((round(box[0]), round(box[1]), round(box[2]), round(box[3]))))


def _brightened(image: Image.Image, factor: float) -> bytes:
    return _jpeg(ImageEnhance.Brightness(image).enhance(factor))


def _turned(image: Image.Image, tag: int) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = tag
    return _jpeg(image.transpose(TURNED[tag]), exif=exif)
