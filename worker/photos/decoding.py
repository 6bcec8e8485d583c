"""Bytes → an upright RGB array of the model's size, and the hash of the upright photo. Pure.

Speed and bounds go together: the header says format and size before anything is decoded, `draft` lets libjpeg
decode a large JPEG at a fraction of its size, and other large photos are reduced at once. The EXIF orientation is
applied and the hash taken after that reduction.
"""

import io
import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pillow_heif
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError

from worker.errors import EmptyObjectError, TooManyPixelsError, UnreadableImageError, UnsupportedFormatError
from worker.messages import Pixels
from worker.photos.hashes import PHASH, Algorithm

Fit = Literal["crop", "pad", "squash"]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF")  # an allow-list; MPO comes in as JPEG
GAP = 2.0  # a cheap reduction leaves this many times the pixels wanted, and the resampling after it hides its traces
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
# Pillow warns of odd metadata, which is not used. (`catch_warnings` around a call is not safe among threads.)
warnings.filterwarnings("ignore", module=r"PIL\.")
Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit warns first and raises at twice; ours is exact, see _open


@dataclass(frozen=True, slots=True)
class Target:
    """What the model wants: height and width in pixels, and how a photo of another shape is made to fit."""

    height: int
    width: int
    fit: Fit


def prepare(
    data: bytes, target: Target, max_pixels: int, algorithm: Algorithm = PHASH
) -> tuple[Pixels, str | None]:
    """Decode a photo to uint8 [target.height, target.width, 3] and hash it; no hash of one without content.

    The hash is taken from the upright photo. Raises PhotoError's subclasses and MemoryError, nothing else.
    """
    image = _open(data, max_pixels)
    try:
        upright = _upright(image, target)
        return np.asarray(_fitted(upright, target)), algorithm(upright)
    except MemoryError:
        raise  # no fault of the photo
    # Decoders of damaged images raise nearly anything (OSError, SyntaxError, struct.error, IndexError, ...).
    except Exception as error:
        raise UnreadableImageError(f"the {image.format} image cannot be decoded: {error}") from error


def warm_up(target: Target, algorithm: Algorithm = PHASH) -> None:
    """Load what Pillow and the hash load at their first use, so that no photo waits for it."""
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)  # content, so that it is hashed
    for image_format in FORMATS:
        stream = io.BytesIO()
        Image.fromarray(noise).save(stream, image_format)
        prepare(stream.getvalue(), target, max_pixels=64 * 64, algorithm=algorithm)


def _open(data: bytes, max_pixels: int) -> Image.Image:
    """Read the header only."""
    if not data:
        raise EmptyObjectError("the object has no bytes")
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
        # All at once: after each block Python's lock is asked for again.
        image.decodermaxblock = max(image.decodermaxblock, len(data))
    width, height = image.size
    if width * height > max_pixels:
        raise TooManyPixelsError(f"{width} × {height} pixels are more than the {max_pixels} allowed")
    return image


def _claims_a_format(data: bytes) -> bool:
    """Whether the first bytes are those of an allowed format."""
    checks = (Image.OPEN[name][1] for name in FORMATS if name in Image.OPEN)
    return any(check is not None and check(data[:16]) is True for check in checks)


def _upright(image: Image.Image, target: Target) -> Image.Image:
    """Decode, reduced as far as the target allows, and turn as the EXIF tag says; RGB."""
    turn = _TURNS.get(_orientation(image))
    if image.format in {"JPEG", "MPO"}:  # other formats may answer with an embedded thumbnail
        image.draft(None, _draft_size(image.size, target))
    reduced = _reduced(_rgb(image), target)
    return reduced if turn is None else reduced.transpose(turn)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - broken metadata of any kind; the photo itself may be fine
        return 1


def _draft_size(size: tuple[int, int], target: Target) -> tuple[int, int]:
    """Smallest size of the photo, before turning, that still covers the target whichever way it is turned."""
    short, side = min(size), max(target.height, target.width)
    return (-(-size[0] * side // short), -(-size[1] * side // short)) if short > side else size


def _reduced(image: Image.Image, target: Target) -> Image.Image:
    """Shrink what is far too large by a whole factor; a JPEG's draft has left nothing to do."""
    factor = int(min(image.size) / max(target.height, target.width) / GAP)
    return image.reduce(factor) if factor > 1 else image


def _rgb(image: Image.Image) -> Image.Image:
    """First frame as 8-bit RGB; what is transparent becomes white. No copy of what is RGB already."""
    image.load()
    if image.mode.startswith("I"):  # 16-bit grey: a plain conversion would clip it
        return Image.fromarray((np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGB", rgba.size, "white")
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    return image if image.mode == "RGB" else image.convert("RGB")


def _fitted(image: Image.Image, target: Target) -> Image.Image:
    size = (target.width, target.height)
    if target.fit == "squash":
        return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=GAP)
    if target.fit == "pad":
        return ImageOps.pad(image, size, Image.Resampling.BILINEAR)
    return ImageOps.fit(image, size, Image.Resampling.BILINEAR)
