"""Decodes an open photo to 8-bit RGB, grey or CMYK: the first frame, on white where nothing covers it."""

import functools
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageChops

from worker.photos.costs import first_webp_frame
from worker.photos.jpeg import completed

Box = tuple[int, int, int, int]  # left, top, right, bottom
JPEGS = {"JPEG", "MPO"}
PLAIN = {"RGB", "L", "CMYK"}
DEEP_COLOUR = "worker_transparent"  # of an image's `info`: its transparent colour, of 16 bits a channel


def to_plain(image: Image.Image, draft: tuple[int, int] | None = None) -> Image.Image:
    """Decode; a JPEG at the smallest size that covers `draft`. No copy if its mode is one of these already.

    Raises whatever decoders raise.
    """
    if image.format not in JPEGS:  # other formats may return an embedded thumbnail as a draft
        box, lower = _frame(image), _lower_halves(image)
        image.load()
        return _on_white(_without_transparency(image, lower), box)
    try:
        image.draft(None, draft)
        image.load()
        return _without_transparency(image)
    except OSError:
        whole = completed(_bytes(image), draft)
        if whole is None:
            raise
        return _without_transparency(whole)


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


def _lower_halves(image: Image.Image) -> Image.Image | None:
    """Decode the lower halves of 16-bit colours, which Pillow leaves out. None if no colour is transparent."""
    if DEEP_COLOUR not in image.info:
        return None
    lower = Image.open(io.BytesIO(_bytes(image)), formats=["PNG"])
    lower.tile = [
        tile._replace(args="RGB;16L") for tile in lower.tile
    ]  # as if the other byte were the upper one
    lower.load()
    return lower


def _without_transparency(image: Image.Image, lower: Image.Image | None = None) -> Image.Image:
    if lower is not None:
        colour = image.info[DEEP_COLOUR]
        upper_mask = _where(image, [part >> 8 for part in colour])
        image.paste(
            "white", mask=ImageChops.darker(upper_mask, _where(lower, [part & 255 for part in colour]))
        )
        return image
    if image.mode.startswith("I"):  # 16-bit grey: a plain conversion would clip it
        return _from_deep_grey(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGB", rgba.size, "white")
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    return image if image.mode in PLAIN else image.convert("RGB")


def _where(image: Image.Image, colour: Sequence[int]) -> Image.Image:
    """Return a mask of the pixels that have this colour."""
    bands = zip(image.split(), colour, strict=True)
    masks = [band.point([255 * (value == wanted) for value in range(256)]) for band, wanted in bands]
    return functools.reduce(ImageChops.darker, masks)


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
