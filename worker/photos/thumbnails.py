"""Decodes the thumbnail in a HEIC or AVIF in place of the photo, if it does as well: it costs far less.

Phones and cameras embed one of 320 × 240 pixels or more. It is an item that refers to the photo (`thmb`,
ISO/IEC 23008-12, 6.4.4). Opened as if it were the file's picture, it passes all checks that photos pass.
One thumbnail at most is tried, and it and its cells are smaller than the photo: that bounds what it costs.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

from worker.errors import PhotoError, UnreadableImageError
from worker.photos.boxes import File
from worker.photos.colour import KEY, is_hdr
from worker.photos.decoding import Target, decode, orientation
from worker.photos.hashes import PHASH, Algorithm
from worker.photos.items import Items
from worker.photos.looks import Look
from worker.photos.opening import BOXES, open_photo
from worker.photos.spaces import SRGB

if TYPE_CHECKING:  # decoder processes load nothing that they do not need
    from worker.messages import Pixels
    from worker.result import Picture

MOST_DIFFERENCE = 0.01  # between the aspect ratios
PADDING = 64  # pixels that encoders add and crop again (`clap`); who crops more shows a part of the photo
TURNS = {b"irot": 3, b"imir": 1}  # kinds of properties, and the bits of their values that count


class Shape(NamedTuple):
    """An item's size before it is turned, and how it is turned and mirrored, in this order."""

    size: tuple[int, int]
    turns: list[tuple[bytes, int]]


def decode_cheapest(
    photo: Image.Image,
    data: bytes,
    target: Target,
    algorithm: Algorithm = PHASH,
    *,
    convert_colours: bool = True,
    thumbnails: bool = True,
) -> "tuple[Pixels, Look, Picture]":
    """Decode the thumbnail of a photo if it does as well, else the photo, which is `data`, open.

    Without `thumbnails`, always the photo. Returns what `decode` returns, and which of both was
    decoded. Raises as `decode` does.
    """
    if thumbnails and (thumbnail := find_thumbnail(photo, data, target)):
        with suppress(UnreadableImageError):
            return *decode(thumbnail, target, algorithm, convert_colours=convert_colours), "thumbnail"
    return *decode(photo, target, algorithm, convert_colours=convert_colours), "photo"


def find_thumbnail(photo: Image.Image, data: bytes, target: Target) -> Image.Image | None:
    """Open the smallest thumbnail that covers the target and shows all of the photo, as the photo does.

    None if there is no such thumbnail. Raises MemoryError.
    """
    if photo.format not in BOXES:
        return None
    side = max(target.height, target.width)
    try:
        items = Items(File(data).whole.first(b"meta").after(4))
        whole = _shape(items, items.primary)
        found = min(_candidates(items, whole, side), default=None)
        if found is None:
            return None
        shape, item = found[1:]
        thumbnail = open_photo(_as_picture(items, item), photo.width * photo.height)
    except PhotoError:
        return None
    is_whole = min(thumbnail.size) >= side and _is_whole(photo, whole) and _is_whole(thumbnail, shape)
    return thumbnail if is_whole and _is_copy(thumbnail, photo) else None


def _candidates(items: Items, whole: Shape, side: int) -> Iterator[tuple[int, Shape, int]]:
    """Yield pixels, shape and item of each thumbnail that may do."""
    for item in {one.source for one in items.references(b"thmb") if one.target == items.primary}:
        shape = _shape(items, item)
        pixels = shape.size[0] * shape.size[1]
        covers = pixels < whole.size[0] * whole.size[1] and min(shape.size) >= side
        if covers and shape.turns == whole.turns and _have_same_ratio(shape.size, whole.size):
            yield pixels, shape, item


def _shape(items: Items, item: int) -> Shape:
    size, turns = (0, 0), list[tuple[bytes, int]]()
    for kind, box in items.properties(item):
        if kind == b"ispe":
            size = box.number(4, 4), box.number(8, 4)
        elif kind in TURNS:
            turns.append((kind, box.number(0, 1) & TURNS[kind]))
    return Shape(size, [turn for turn in turns if turn != (b"irot", 0)])


def _as_picture(items: Items, item: int) -> bytes:
    """Return the file with this item as its picture. It no longer refers to the photo, or readers skip it."""
    data, field = items.file.data, items.primary_field
    changes = {field.start: item.to_bytes(4)[-len(field) :]}
    for one in items.references(b"thmb"):
        if one.source == item:
            changes[data.rindex(b"thmb", 0, one.start)] = b"skip"
    pieces, done = list[bytes | memoryview](), 0
    for at, changed in sorted(changes.items()):
        pieces += [memoryview(data)[done:at], changed]
        done = at + len(changed)
    return b"".join([*pieces, memoryview(data)[done:]])


def _is_whole(image: Image.Image, shape: Shape) -> bool:
    """Whether no more than padding is cropped."""
    pairs = zip(sorted(shape.size), sorted(image.size), strict=True)
    return all(0 <= coded - shown < PADDING for coded, shown in pairs)


def _is_copy(thumbnail: Image.Image, photo: Image.Image) -> bool:
    """Whether a thumbnail is turned, transparent and coloured as its photo. One without colours has the photo's."""
    colours = photo.info[KEY] or SRGB
    if thumbnail.info[KEY] is None and not is_hdr(colours):
        thumbnail.info[KEY] = colours
    return (
        thumbnail.mode == photo.mode
        and orientation(thumbnail) == orientation(photo)
        and _have_same_ratio(thumbnail.size, photo.size)
        and (thumbnail.info[KEY] or SRGB) == colours
    )


def _have_same_ratio(one: tuple[int, int], other: tuple[int, int]) -> bool:
    across, down = one[0] * other[1], one[1] * other[0]
    return abs(across - down) <= MOST_DIFFERENCE * down
