"""Reads the items of HEIC and AVIF files (ISO/IEC 23008-12): pictures, what they are made of, their properties.

A still picture is an item of the `meta` box, which may be made of others: the cells of a grid, and the
transparency. Raises what `Part` raises.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from worker.errors import TooCostlyError
from worker.photos.boxes import Cursor, Part


class Reference(NamedTuple):
    """That an item refers to another one: the box's kind, and where the box's content begins in the file."""

    kind: bytes
    source: int
    target: int
    start: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item's content is: in `idat` rather than anywhere in the file, or in another item; its extents there."""

    item: int
    method: int
    extents: list[tuple[int, int]]  # offset and length, in bytes

    @property
    def is_inside(self) -> bool:
        """Whether it is in `idat`."""
        return self.method == 1


class Items:
    """The items of a `meta` box: their kinds, places and references."""

    def __init__(self, meta: Part) -> None:
        self.file = meta.file
        self._meta, self._copied = meta, 0
        self._primary, self._info, self._locations, self._links, self.inside = meta.unique(
            b"pitm", b"iinf", b"iloc", b"iref", b"idat"
        )

    @property
    def primary_field(self) -> Part:
        """Where the file says which item is its picture."""
        start = self._primary.start + 4
        return Part(self.file, start, start + (4 if self._primary.number(0, 1) else 2))

    @property
    def primary(self) -> int:
        """The item that is the file's picture."""
        field = self.primary_field
        return field.number(0, len(field))

    def made_of(self, left: set[int]) -> set[int]:
        """Return these items, and those that they are derived from or that are their transparency."""
        links = defaultdict(set)
        for one in self.references(b"dimg", b"auxl"):
            whole, part = one.source, one.target
            if one.kind == b"auxl":
                whole, part = part, whole
            links[whole].add(part)
        left, used = set(left), set[int]()
        while left:
            used.add(item := left.pop())
            left |= links[item] - used
        return used

    def references(self, *kinds: bytes) -> Iterator[Reference]:
        """Yield the references of these kinds."""
        size = 4 if self._links.number(0, 1) else 2
        for kind, box in self._links.after(4).boxes():
            self.file.count(others := box.number(size, 2))
            for at in range(size + 2, size + 2 + others * size, size):
                if kind in kinds:
                    yield Reference(kind, box.number(0, size), box.number(at, size), box.start)

    def kinds(self) -> Iterator[tuple[int, bytes]]:
        """Yield each item and its kind."""
        for _, box in self._info.after(8 if self._info.number(0, 1) else 6).boxes():
            size = 2 if box.number(0, 1) == 2 else 4
            yield box.number(4, size), box.text(6 + size, 4)

    def places(self) -> Iterator[Place]:
        """Yield where each item is."""
        version, cursor = self._locations.number(0, 1), Cursor(self._locations.after(4))
        sizes = cursor.read(2)
        offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
        id_size = 4 if version == 2 else 2
        for _ in range(cursor.read(id_size)):
            item = cursor.read(id_size)
            method = cursor.read(2 if version else 0) & 15
            cursor.read(2)  # the file that it is in: this one
            base = cursor.read(base_size)
            self.file.count(1 + (extents := cursor.read(2)))
            parts = []
            for _ in range(extents):
                cursor.read(index_size if version else 0)
                parts.append((base + cursor.read(offset_size), cursor.read(length_size)))
            yield Place(item, method, parts)

    def content(self, place: Place) -> memoryview:
        """Return an item's data; only one of several parts is copied."""
        data = memoryview(self.file.data)
        source = data[self.inside.start : self.inside.end] if place.is_inside else data
        pieces = [source[offset : offset + length] for offset, length in place.extents]
        if len(pieces) == 1:
            return pieces[0]
        self._copied += sum(map(len, pieces))
        if self._copied > 2 * len(data):
            raise TooCostlyError("the image's items overlap")
        return memoryview(b"".join(pieces))

    def areas(self) -> dict[int, int]:
        """Return the pixels of each item, as the header gives its size."""
        boxes = self._meta.inner(b"iprp")
        properties = list(boxes.first(b"ipco").boxes())
        areas = dict[int, int]()
        for kind, links in boxes.boxes():
            for item, index in _links(links) if kind == b"ipma" else ():
                if 0 < index <= len(properties) and properties[index - 1][0] == b"ispe":
                    box = properties[index - 1][1]
                    areas[item] = box.number(4, 4) * box.number(8, 4)
        return areas

    def properties(self, item: int) -> Iterator[tuple[bytes, Part]]:
        """Yield an item's properties in their order: kinds and contents."""
        boxes = self._meta.inner(b"iprp")
        properties = list(boxes.first(b"ipco").boxes())
        for kind, links in boxes.boxes():  # there may be one of each version and flags (9.3.1)
            for _, index in _links(links, item) if kind == b"ipma" else ():
                if 0 < index <= len(properties):
                    yield properties[index - 1]


def _links(links: Part, item: int | None = None) -> Iterator[tuple[int, int]]:
    """Yield an item, or each, with the numbers of its properties, from 1."""
    cursor = Cursor(links.after(4))
    id_size, index_size = 4 if links.number(0, 1) else 2, 2 if links.number(3, 1) & 1 else 1
    for _ in range(cursor.read(4)):
        one, number = cursor.read(id_size), cursor.read(1)
        is_asked = item is None or one == item
        links.file.count(1 + number if is_asked else 1)
        if not is_asked:
            cursor.at += number * index_size
            continue
        for _ in range(number):
            yield one, cursor.read(index_size) & (0x7FFF if index_size == 2 else 0x7F)
