"""Refuses an AVIF whose picture is larger than its header says: decoders scale it to the size of the header.

A still picture is an item of the `meta` box (ISO/IEC 23008-12), which may be made of others: the cells
of a grid, and the transparency. A sequence's pictures are samples of tracks. Only what belongs to the
first picture is looked at. libavif has read the file's tables before, so damaged ones do not get here.
"""

from collections import defaultdict
from collections.abc import Iterator

from worker.errors import TooCostlyError, TooManyPixelsError, UnreadableImageError
from worker.photos.av1 import sizes
from worker.photos.boxes import Cursor, File, Part

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
    pieces, is_grid = ([], False) if brand == b"avis" else _Items(meta.after(4)).coded()
    return [*pieces, *(() if brand == b"avif" else _first_samples(moov))], is_grid


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


class _Items:
    """The items of a `meta` box: their kinds, places and references."""

    def __init__(self, meta: Part) -> None:
        self._file, self._copied = meta.file, 0
        self._primary, self._info, self._locations, self._links, self._data = meta.unique(
            b"pitm", b"iinf", b"iloc", b"iref", b"idat"
        )

    def coded(self) -> tuple[list[memoryview], bool]:
        """Return the AV1 data of all items that the picture is made of, and whether one is a grid."""
        kinds = dict(self._kinds())
        used = self._used({item for item, kind in kinds.items() if kind == TRANSFORM})
        pictures = [
            self._content(is_inside, parts)
            for item, is_inside, parts in self._places()
            if item in used and kinds.get(item) == AV1
        ]
        return pictures, any(kinds.get(item) == b"grid" for item in used)

    def _used(self, left: set[int]) -> set[int]:
        """Return the primary item, those `left` to look at, and what they are made of."""
        links = defaultdict(set)
        for whole, part in self._parts():
            links[whole].add(part)
        left.add(self._primary.number(4, 4 if self._primary.number(0, 1) else 2))
        used: set[int] = set()
        while left:
            used.add(item := left.pop())
            left |= links[item] - used
        return used

    def _parts(self) -> Iterator[tuple[int, int]]:
        """Yield an item and one that it is derived from, or that is its transparency."""
        size = 4 if self._links.number(0, 1) else 2
        for kind, box in self._links.after(4).boxes():
            self._file.count(others := box.number(size, 2))
            for at in range(size + 2, size + 2 + others * size, size):
                pair = box.number(0, size), box.number(at, size)
                if kind in (b"dimg", b"auxl"):
                    yield pair if kind == b"dimg" else pair[::-1]

    def _kinds(self) -> Iterator[tuple[int, bytes]]:
        """Yield each item and its kind."""
        for _, box in self._info.after(8 if self._info.number(0, 1) else 6).boxes():
            size = 2 if box.number(0, 1) == 2 else 4
            yield box.number(4, size), box.text(6 + size, 4)

    def _places(self) -> Iterator[tuple[int, bool, list[tuple[int, int]]]]:
        """Yield each item, whether it is in `idat` rather than anywhere in the file, and its parts there."""
        version, cursor = self._locations.number(0, 1), Cursor(self._locations.after(4))
        sizes = cursor.read(2)
        offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
        id_size = 4 if version == 2 else 2
        for _ in range(cursor.read(id_size)):
            item = cursor.read(id_size)
            is_inside = cursor.read(2 if version else 0) & 15 == 1
            cursor.read(2)  # the file that it is in: this one
            base = cursor.read(base_size)
            self._file.count(1 + (extents := cursor.read(2)))
            parts = []
            for _ in range(extents):
                cursor.read(index_size if version else 0)
                parts.append((base + cursor.read(offset_size), cursor.read(length_size)))
            yield item, is_inside, parts

    def _content(self, is_inside: bool, parts: list[tuple[int, int]]) -> memoryview:
        """Return an item's data; only one of several parts is copied."""
        data = memoryview(self._file.data)
        source = data[self._data.start : self._data.end] if is_inside else data
        pieces = [source[offset : offset + length] for offset, length in parts]
        if len(pieces) == 1:
            return pieces[0]
        self._copied += sum(map(len, pieces))
        if self._copied > 2 * len(data):
            raise TooCostlyError("the image's items overlap")
        return memoryview(b"".join(pieces))
