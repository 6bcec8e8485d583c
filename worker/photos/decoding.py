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
from worker.photos.colour import KEY, conversion
from worker.photos.hashes import PHASH, Algorithm
from worker.photos.looks import Look, look
from worker.photos.opening import FORMATS, open_photo
from worker.photos.rgb import to_plain

if TYPE_CHECKING:  # decoder processes load nothing that they do not need
    from worker.messages import Pixels

Fit = Literal["crop", "pad", "squash"]

GAP = 2.0  # the cheap reduction leaves this many times the target's pixels; resampling hides its traces
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
        return np.asarray(_fit(upright, target)), look(upright, algorithm)
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
    """Decode to sRGB, reduced as far as the target allows, and turned as the EXIF tag says."""
    turn = _TURNS.get(_orientation(image))
    plain = _reduce(to_plain(image, _draft_size(image.size, target)), target)
    convert = conversion(plain.mode, image.info.get(KEY))
    if convert is not None:
        plain = convert(_shrink(plain, target))
    rgb = plain if plain.mode == "RGB" else plain.convert("RGB")
    return rgb if turn is None else rgb.transpose(turn)


def _shrink(image: Image.Image, target: Target) -> Image.Image:
    """Leave no more pixels than the target needs: converting each of them costs more than leaving it out."""
    size = _draft_size(image.size, target)
    return image if size == image.size else image.resize(size, Image.Resampling.BILINEAR, reducing_gap=GAP)


def _orientation(image: Image.Image) -> int:
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


def _reduce(image: Image.Image, target: Target) -> Image.Image:
    """Shrink a far too large image by a whole factor. Nothing is left to do after a JPEG's draft."""
    factor = int(min(image.size) / max(target.height, target.width) / GAP)
    return image.reduce(factor) if factor > 1 else image


def _fit(image: Image.Image, target: Target) -> Image.Image:
    size = (target.width, target.height)
    if target.fit == "squash":
        return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=GAP)
    if target.fit == "pad":
        return ImageOps.pad(image, size, Image.Resampling.BILINEAR)
    return ImageOps.fit(image, size, Image.Resampling.BILINEAR)
