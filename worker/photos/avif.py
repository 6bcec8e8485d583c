"""Refuses an AVIF whose picture is larger than its header says: decoders scale it to the size of the header.

A still picture is an item (items.py), a sequence's pictures are samples of tracks. Only what belongs to
the first picture is looked at. libavif has read the file's tables before, so damaged ones do not get here.
"""

from collections.abc import Iterator

from worker.errors import TooManyPixelsError, UnreadableImageError
from worker.photos.av1 import sizes
from worker.photos.boxes import File, Part
from worker.photos.items import Items

BLOCK = 64  # pixels: a coded picture may be larger by what fills its last block
LARGE_CELL = 1024  # pixels each way: that a grid's cells may have, however small the grid is
MOST_AREA, MORE_AREA = 4, 4_000_000  # pixels coded for a pixel of the picture, and beside that
AV1, TRANSFORM = b"av01", b"sato"  # libavif finds the latter by another way: all of them count


def check_coded_size(data: bytes, size: tuple[int, int], max_pixels: int) -> None:
    """Compare what is coded with the header's width and height, in pixels.

    Raises TooManyPixelsError, UnreadableImageError for a larger picture than the header's, and
    TooCostlyError for a file of too many parts.
    """
    file = File(data)
    pieces, is_grid = _coded(file)
    width, height = (max(-(-side // BLOCK) * BLOCK, LARGE_CELL if is_grid else 0) for side in size)
    area = 0
    for piece in pieces:
        coded = sizes(piece, file.count)
        for one in coded:
            if one.area > max_pixels and not one.is_loose:
                raise TooManyPixelsError(f"{one} coded pixels are more than the {max_pixels} allowed")
            if not one.fits(width, height):
                raise UnreadableImageError(f"the header says {size[0]} × {size[1]} pixels, the picture {one}")
        area += max((one.area for one in coded), default=0)
    if not area:
        raise UnreadableImageError("the image has no AV1 picture")
    if area > MOST_AREA * width * height + MORE_AREA:
        raise UnreadableImageError(f"{area} pixels are coded for {size[0]} × {size[1]}")


def _coded(file: File) -> tuple[list[memoryview], bool]:
    """Return the AV1 data behind the first picture, and whether it is a grid.

    The major brand decides whether items or tracks count, as in libavif; with any other one, both.
    """
    brand = file.whole.first(b"ftyp").text(0, 4)
    meta, moov = (file.whole.first(kind) for kind in (b"meta", b"moov"))  # a film may follow the picture
    pieces, is_grid = ([], False) if brand == b"avis" else _coded_items(Items(meta.after(4)))
    return [*pieces, *(() if brand == b"avif" else _first_samples(moov))], is_grid


def _coded_items(items: Items) -> tuple[list[memoryview], bool]:
    """Return the AV1 data of all items that the picture is made of, and whether one is a grid."""
    kinds = dict(items.kinds())
    used = items.made_of({items.primary, *(item for item, kind in kinds.items() if kind == TRANSFORM)})
    pictures = [
        items.content(place)
        for place in items.places()
        if place.item in used and kinds.get(place.item) == AV1
    ]
    return pictures, any(kinds.get(item) == b"grid" for item in used)


def _first_samples(moov: Part) -> Iterator[memoryview]:
    """Yield the first AV1 sample of each track."""
    for kind, track in moov.boxes():
        table = track.inner(b"mdia", b"minf", b"stbl") if kind == b"trak" else track.after(track.end)
        entries, places, wide_places, lengths = table.unique(b"stsd", b"stco", b"co64", b"stsz")
        if any(kind == AV1 for kind, _ in entries.after(8).boxes()):
            if places and wide_places:
                raise UnreadableImageError("a track has two tables of chunks")
            offset = places.number(8, 4) if places else wide_places.number(8, 8)
            size = lengths.number(4, 4) or lengths.number(12, 4)
            yield memoryview(track.file.data)[offset : offset + size]
