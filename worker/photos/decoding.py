"""Bytes → an upright RGB array of the model's size, and the photo's look. Pure.

The header gives format and size before anything is decoded. `draft` lets libjpeg decode a large JPEG
at a fraction of its size; other large photos are reduced at once. The EXIF orientation and the hash
come after that reduction.
"""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pillow_heif
from PIL import AvifImagePlugin, ExifTags, Image, ImageOps

from worker.errors import UnreadableImageError
from worker.photos import colour
from worker.photos.colour import KEY, Conversion, conversion
from worker.photos.hashes import PHASH, Algorithm
from worker.photos.looks import Look, look
from worker.photos.opening import FORMATS, open_photo
from worker.photos.rgb import to_plain

if TYPE_CHECKING:  # decoder processes load nothing that they do not need
    from worker.messages import Pixels

Fit = Literal["crop", "pad", "squash"]

GAP = 2.0  # the cheap reduction leaves this many times the target's pixels; resampling hides its traces
LOOK_SIDE = 64  # pixels of the shorter side that are enough for every hash, and for the colours
_TURNS = {  # EXIF orientation → how to undo it
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Target:
    """The model's input: height and width in pixels, and how a photo of another shape is fitted."""

    height: int
    width: int
    fit: Fit


def prepare(
    data: bytes,
    target: Target,
    max_pixels: int,
    algorithm: Algorithm = PHASH,
    *,
    convert_colours: bool = True,
) -> "tuple[Pixels, Look]":
    """Open and decode a photo. Raises PhotoError and MemoryError, nothing else."""
    return decode(open_photo(data, max_pixels), target, algorithm, convert_colours=convert_colours)


def decode(
    image: Image.Image, target: Target, algorithm: Algorithm = PHASH, *, convert_colours: bool = True
) -> "tuple[Pixels, Look]":
    """Decode an open photo to uint8 [target.height, target.width, 3], and say how it looks upright.

    The colours are those of sRGB, unless `convert_colours` is false. Raises UnreadableImageError and
    MemoryError.
    """
    try:
        if not convert_colours:
            image.info[KEY] = None
        upright = _upright(image, target)
        convert = conversion(upright.mode, image.info.get(KEY))
        if convert is None:
            rgb = _to_rgb(upright)
            return np.asarray(_fit(rgb, target)), look(rgb, algorithm)
        # To convert a pixel costs more than to leave it out, so two small copies are converted.
        pixels = np.asarray(_fit(upright, target, convert))
        return pixels, look(convert(_reduce(upright, LOOK_SIDE)), algorithm)
    except MemoryError:
        raise  # not the photo's fault
    # Decoders raise nearly anything for damaged images: OSError, SyntaxError, struct.error, IndexError, …
    except Exception as error:
        raise UnreadableImageError(f"the {image.format} image cannot be decoded: {error}") from error


def use_one_thread() -> None:
    """Keep the libraries from starting threads: as many photos are decoded at a time as there are cores."""
    AvifImagePlugin.DEFAULT_MAX_THREADS = pillow_heif.options.DECODE_THREADS = 1


def warm_up(target: Target, algorithm: Algorithm = PHASH) -> None:
    """Load what Pillow and the hash load at first use, so that no photo waits for it."""
    colour.warm_up()
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)  # has content to hash
    for image_format in FORMATS:
        stream = io.BytesIO()
        Image.fromarray(noise).save(stream, image_format)
        prepare(stream.getvalue(), target, max_pixels=64 * 64, algorithm=algorithm)


def _upright(image: Image.Image, target: Target) -> Image.Image:
    """Decode in the photo's own colours, reduced as far as the target allows, turned as the EXIF tag says."""
    turn = _TURNS.get(orientation(image))
    plain = to_plain(image, _draft_size(image.size, target))
    plain = _reduce(plain, int(GAP * max(target.height, target.width)))
    return plain if turn is None else plain.transpose(turn)


def _to_rgb(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGB" else image.convert("RGB")


def orientation(image: Image.Image) -> int:
    """Read the EXIF tag. Pillow's `getexif` would ask XMP too, which turns a photo in no browser."""
    try:
        exif = Image.Exif()
        exif.load(image.info.get("exif", b""))
        return int(exif.get(ExifTags.Base.Orientation, 1))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - any broken metadata; the photo itself may be fine
        return 1


def _draft_size(size: tuple[int, int], target: Target) -> tuple[int, int]:
    """Smallest decoded size that covers the target, whichever way the photo is turned."""
    short, side = min(size), max(target.height, target.width)
    return (-(-size[0] * side // short), -(-size[1] * side // short)) if short > side else size


def _reduce(image: Image.Image, side: int) -> Image.Image:
    """Shrink a far too large image by a whole factor, so that its shorter side keeps so many pixels."""
    factor = min(image.size) // side
    return image.reduce(factor) if factor > 1 else image


def _fit(image: Image.Image, target: Target, convert: Conversion = _to_rgb) -> Image.Image:
    size = (target.width, target.height)
    if target.fit == "squash":
        return convert(image.resize(size, Image.Resampling.BILINEAR, reducing_gap=GAP))
    if target.fit == "pad":  # with black, which is another number in other colours
        return ImageOps.pad(convert(ImageOps.contain(image, size, Image.Resampling.BILINEAR)), size)
    return convert(ImageOps.fit(image, size, Image.Resampling.BILINEAR))
