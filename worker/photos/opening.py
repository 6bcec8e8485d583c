"""Opens a photo and reads its header, which decides whether it is decoded at all."""

import io
import warnings

import pillow_heif
from PIL import AvifImagePlugin, Image, ImageFile, UnidentifiedImageError

from worker.errors import (
    EmptyObjectError,
    PhotoError,
    TooManyPixelsError,
    UnreadableImageError,
    UnsupportedFormatError,
)
from worker.photos import png
from worker.photos.avif import check_coded_size
from worker.photos.cells import check_cells
from worker.photos.colour import KEY, Colours
from worker.photos.costs import check_cost, webp_size
from worker.photos.nclx import code_points
from worker.photos.rgb import DEEP_COLOUR
from worker.photos.spaces import from_code_points
from worker.photos.whole import check_whole

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF")  # an allow-list; Pillow opens MPO as JPEG
BOXES = {"AVIF", "HEIF"}  # formats whose files are made of boxes, and may have thumbnails
# Brands of `ftyp` boxes (ISO/IEC 23008-12, B.4). Which of them is the major one matters to no browser.
AVIF_BRANDS = {b"avif", b"avis"}
HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
ANY_BRANDS = {b"mif1", b"msf1", b"mif2", b"miaf"}  # of both
MOST_BRANDS = 64

pillow_heif.register_heif_opener()
for _plugin in (
    AvifImagePlugin.AvifImageFile,
    pillow_heif.HeifImageFile,
):  # they ask for the major brand only
    Image.register_open(_plugin.format, _plugin, lambda prefix: prefix[4:8] == b"ftyp")
# Pillow warns of odd metadata, which is not used. (`catch_warnings` around a call is not thread-safe.)
warnings.filterwarnings("ignore", module=r"PIL\.")
Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit only warns at first; ours is exact


def open_photo(data: bytes, max_pixels: int) -> Image.Image:
    """Open an image and read its header only. Raises PhotoError and MemoryError, nothing else."""
    try:
        return _open_photo(data, max_pixels)
    except (PhotoError, MemoryError):
        raise
    # Readers of headers raise nearly anything for damaged ones: SyntaxError, struct.error, IndexError, …
    except Exception as error:
        raise UnreadableImageError(f"the image's header cannot be read: {error}") from error


def _open_photo(data: bytes, max_pixels: int) -> Image.Image:
    if not data:
        raise EmptyObjectError("the object has no bytes")
    check_cost(data)
    _check_pixels(webp_size(data), max_pixels)
    image = _open_png(data) if data.startswith(png.SIGNATURE) else _open_other(data)
    if isinstance(image, ImageFile.ImageFile):
        # Decode in one piece: after each block the decoder takes Python's lock again.
        image.decodermaxblock = max(image.decodermaxblock, len(data))
    _check_pixels(image.size, max_pixels)
    if image.format in BOXES:
        check_whole(data)
    if image.format == "AVIF":
        check_coded_size(data, image.size, max_pixels)
    if image.format == "HEIF":
        check_cells(data, image.size, max_pixels)
    return image


def _open_png(data: bytes) -> Image.Image:
    found = png.read(data)
    image = _open(found.data)
    if "transparency" in image.info:
        transparent = found.transparent(image.info.pop("transparency"))
        image.info[DEEP_COLOUR if found.is_deep else "transparency"] = transparent
    image.info[KEY] = found.colours
    return image


def _open_other(data: bytes) -> Image.Image:
    image = _open(data)
    try:
        image.info[KEY] = _colours(image, data)
    except PhotoError:  # what is odd about colours never costs the photo
        image.info[KEY] = None
    return image


def _colours(image: Image.Image, data: bytes) -> Colours:
    """Return the colour space. A profile counts before code points."""
    if profile := image.info.get("icc_profile"):
        return bytes(profile)
    if image.format == "AVIF":
        numbers = code_points(data)
    else:
        nclx = image.info.get("nclx_profile") or {}
        numbers = (nclx["color_primaries"], nclx["transfer_characteristics"]) if nclx else None
    return from_code_points(*numbers) if numbers else None


def _open(data: bytes) -> Image.Image:
    formats = _box_formats(data) if data[4:8] == b"ftyp" else FORMATS
    try:
        return Image.open(io.BytesIO(data), formats=formats)
    except UnidentifiedImageError:
        if _claims_a_format(data):
            raise UnreadableImageError("the image's header is damaged or cut short") from None
        raise UnsupportedFormatError(f"not an image of an allowed format ({', '.join(FORMATS)})") from None


def _box_formats(data: bytes) -> tuple[str, ...]:
    """Return the formats that a file with an `ftyp` box may have. The first brand of a format decides."""
    end = min(int.from_bytes(data[:4]), 16 + 4 * MOST_BRANDS)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, end, 4))]
    for brand in brands:
        if brand in AVIF_BRANDS | HEIF_BRANDS:
            return ("AVIF",) if brand in AVIF_BRANDS else ("HEIF",)
    if ANY_BRANDS.isdisjoint(brands):
        raise UnsupportedFormatError("no brand of the file is one of AVIF or HEIF")
    return ("AVIF", "HEIF")


def _check_pixels(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise TooManyPixelsError(f"{width} × {height} pixels are more than the {max_pixels} allowed")


def _claims_a_format(data: bytes) -> bool:
    """Whether the first bytes belong to an allowed format."""
    checks = (Image.OPEN[name][1] for name in FORMATS if name in Image.OPEN)
    return any(check is not None and check(data[:16]) is True for check in checks)
