"""Tells a HEIC or AVIF whose upload was cut short, before anything is decoded.

libheif shows a grid without the cells that are missing. And an embedded thumbnail, which is at the front of
many files, looks fine whatever happened to the photo behind it. Only what the first picture is made of is
looked at, and only whether it is there.
"""

from worker.errors import UnreadableImageError
from worker.photos.boxes import File
from worker.photos.items import Items, Place

HEVC = b"hvc1"
# Bytes. No picture's data ends in a zero (ITU-T H.265, 7.4.2.1), but some writers put a few behind it. Many
# zeros are what a file system shows of data that was not written.
MOST_ZEROS = 8


def check_whole(data: bytes) -> None:
    """Raise UnreadableImageError if a part of the picture is missing, TooCostlyError for too many parts."""
    items = Items(File(data).whole.first(b"meta").after(4))  # a film alone has none: the decoder judges it
    kinds, used = dict(items.kinds()), items.made_of({items.primary})
    for place in items.places():
        if place.item in used and _is_cut(items, place, kinds.get(place.item)):
            raise UnreadableImageError("the image was cut short: a part of the picture is missing")


def _is_cut(items: Items, place: Place, kind: bytes | None) -> bool:
    """Whether an item's content ends behind its source, or in zeros."""
    if place.method > 1:  # in another item
        return False
    source = items.inside if place.is_inside else items.file.whole
    end = max((offset + length for offset, length in place.extents), default=0)
    tail = source.text(max(0, end - MOST_ZEROS - 1), MOST_ZEROS + 1)
    return end > len(source) or (kind == HEVC and not any(tail))
