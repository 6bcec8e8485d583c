"""Decodes an open photo to 8-bit RGB, grey or CMYK: the first frame, on white where nothing covers it."""

import io

import numpy as np
from PIL import Image

from worker.photos.costs import first_webp_frame
from worker.photos.jpeg import with_end

Box = tuple[int, int, int, int]  # left, top, right, bottom
JPEGS = {"JPEG", "MPO"}
PLAIN = {"RGB", "L", "CMYK"}


def to_plain(image: Image.Image, draft: tuple[int, int] | None = None) -> Image.Image:
    """Decode; a JPEG at the smallest size that covers `draft`. No copy if its mode is one of these already.

    Raises whatever decoders raise.
    """
    if image.format not in JPEGS:  # other formats may return an embedded thumbnail as a draft
        box = _frame(image)
        image.load()
        return _on_white(_without_transparency(image), box)
    try:
        return _without_transparency(_load_draft(image, draft))
    except OSError:
        data = with_end(_bytes(image))
        if data is None:
            raise
        return _without_transparency(_load_draft(Image.open(io.BytesIO(data), formats=["JPEG"]), draft))


def _load_draft(image: Image.Image, size: tuple[int, int] | None) -> Image.Image:
    image.draft(None, size)
    image.load()
    return image


def _bytes(image: Image.Image) -> bytes:
    stream = getattr(image, "fp", None)
    return stream.getvalue() if isinstance(stream, io.BytesIO) else b""


def _frame(image: Image.Image) -> Box:
    """Return which part of the canvas the first frame covers: only GIF and WebP leave something out."""
    whole = (0, 0, *image.size)
    if image.format == "GIF":
        return next((tile[1] for tile in getattr(image, "tile", ()) if tile[1]), whole)
    if image.format == "WEBP":
        return first_webp_frame(_bytes(image)) or whole
    return whole


def _without_transparency(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey: a plain conversion would clip it
        return _from_deep_grey(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGB", rgba.size, "white")
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    return image if image.mode in PLAIN else image.convert("RGB")


def _from_deep_grey(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    grey = Image.fromarray((values.clip(0, 65535) >> 8).astype(np.uint8))
    if "transparency" in image.info:
        grey.paste(255, mask=Image.fromarray(values == image.info["transparency"]))
    return grey


def _on_white(image: Image.Image, box: Box) -> Image.Image:
    """Leave what is in the box, on white."""
    left, top, right, bottom = box
    box = (left, top, min(right, image.width), min(bottom, image.height))
    if box == (0, 0, *image.size):
        return image
    white = Image.new(image.mode, image.size, "white")
    if left < box[2] and top < box[3]:
        white.paste(image.crop(box), box[:2])
    return white
