"""Bytes → an upright RGB array of the model's size, and the photo's look. Pure.

The header gives format and size before anything is decoded. `draft` lets libjpeg decode a large JPEG
at a fraction of its size; other large photos are reduced at once. The EXIF orientation and the hash
come after that reduction.
"""

import io
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pillow_heif
from PIL import AvifImagePlugin, ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError

from worker.errors import EmptyObjectError, TooManyPixelsError, UnreadableImageError, UnsupportedFormatError
from worker.photos.avif import check_coded_size
from worker.photos.costs import check_cost, webp_size
from worker.photos.hashes import PHASH, Algorithm
from worker.photos.looks import Look, look

if TYPE_CHECKING:  # decoder processes load nothing that they do not need
    from worker.messages import Pixels

Fit = Literal["crop", "pad", "squash"]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF")  # an allow-list; Pillow opens MPO as JPEG
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

pillow_heif.register_heif_opener()
# Pillow warns of odd metadata, which is not used. (`catch_warnings` around a call is not thread-safe.)
warnings.filterwarnings("ignore", module=r"PIL\.")
Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit only warns at first; ours is exact, see open_photo


@dataclass(frozen=True, slots=True)
class Target:
    """The model's input: height and width in pixels, and how a photo of another shape is fitted."""

    height: int
    width: int
    fit: Fit


def prepare(
    data: bytes, target: Target, max_pixels: int, algorithm: Algorithm = PHASH
) -> "tuple[Pixels, Look]":
    """Open and decode a photo. Raises PhotoError and MemoryError, nothing else."""
    return decode(open_photo(data, max_pixels), target, algorithm)


def decode(image: Image.Image, target: Target, algorithm: Algorithm = PHASH) -> "tuple[Pixels, Look]":
    """Decode an open photo to uint8 [target.height, target.width, 3], and say how it looks upright.

    Raises UnreadableImageError and MemoryError.
    """
    try:
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
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)  # has content to hash
    for image_format in FORMATS:
        stream = io.BytesIO()
        Image.fromarray(noise).save(stream, image_format)
        prepare(stream.getvalue(), target, max_pixels=64 * 64, algorithm=algorithm)


def open_photo(data: bytes, max_pixels: int) -> Image.Image:
    """Open an image and read its header only. Raises PhotoError and MemoryError."""
    if not data:
        raise EmptyObjectError("the object has no bytes")
    check_cost(data)
    _check_pixels(webp_size(data), max_pixels)
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        if _claims_a_format(data):
            raise UnreadableImageError("the image's header is damaged or cut short") from None
        raise UnsupportedFormatError(f"not an image of an allowed format ({', '.join(FORMATS)})") from None
    except MemoryError:
        raise
    except Exception as error:
        raise UnreadableImageError(f"the image's header cannot be read: {error}") from error
    if isinstance(image, ImageFile.ImageFile):
        # Decode in one piece: after each block the decoder takes Python's lock again.
        image.decodermaxblock = max(image.decodermaxblock, len(data))
    _check_pixels(image.size, max_pixels)
    if image.format == "AVIF":
        check_coded_size(data, image.size, max_pixels)
    return image


def _check_pixels(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise TooManyPixelsError(f"{width} × {height} pixels are more than the {max_pixels} allowed")


def _claims_a_format(data: bytes) -> bool:
    """Whether the first bytes belong to an allowed format."""
    checks = (Image.OPEN[name][1] for name in FORMATS if name in Image.OPEN)
    return any(check is not None and check(data[:16]) is True for check in checks)


def _upright(image: Image.Image, target: Target) -> Image.Image:
    """Decode to RGB, reduced as far as the target allows, and turned as the EXIF tag says."""
    turn = _TURNS.get(_orientation(image))
    if image.format in {"JPEG", "MPO"}:  # other formats may return an embedded thumbnail
        image.draft(None, _draft_size(image.size, target))
    reduced = _reduce(_to_rgb(image), target)
    return reduced if turn is None else reduced.transpose(turn)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
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


def _to_rgb(image: Image.Image) -> Image.Image:
    """First frame as 8-bit RGB, on white where it is transparent. No copy if it is RGB already."""
    image.load()
    if image.mode.startswith("I"):  # 16-bit grey: a plain conversion would clip it
        return Image.fromarray((np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGB", rgba.size, "white")
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    return image if image.mode == "RGB" else image.convert("RGB")


def _fit(image: Image.Image, target: Target) -> Image.Image:
    size = (target.width, target.height)
    if target.fit == "squash":
        return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=GAP)
    if target.fit == "pad":
        return ImageOps.pad(image, size, Image.Resampling.BILINEAR)
    return ImageOps.fit(image, size, Image.Resampling.BILINEAR)
