"""Reads the boxes of HEIC and AVIF files (ISO/IEC 14496-12): a tree of parts. Costs little, whatever a file holds."""

from collections.abc import Iterator
from dataclasses import dataclass

from worker.errors import TooCostlyError, UnreadableImageError

MOST_PARTS = 20_000  # a picture of 100 megapixels has about a thousand


@dataclass
class Part:
    """A box's content: a part of the file, between two positions."""

    file: "File"
    start: int
    end: int

    def __len__(self) -> int:
        return max(0, self.end - self.start)

    def after(self, skipped: int) -> "Part":
        """Leave out so many bytes at the beginning."""
        return Part(self.file, min(self.start + skipped, self.end), self.end)

    def number(self, at: int, size: int) -> int:
        """Read a number of so many bytes; those behind the file's end count as zero."""
        position = self.start + at
        return int.from_bytes(self.file.data[position : position + size].ljust(size, b"\0"))

    def text(self, at: int, size: int) -> bytes:
        """Read so many bytes, or those that are there."""
        return self.file.data[self.start + at : min(self.start + at + size, self.end)]

    def boxes(self) -> Iterator[tuple[bytes, "Part"]]:
        """Yield the boxes directly in this part: their kinds and contents. Raises TooCostlyError."""
        position = self.start
        while self.end - position >= 8:
            self.file.count()
            here = Part(self.file, position, self.end)
            size, kind, head = here.number(0, 4), here.text(4, 4), 8
            if size == 1:
                size, head = here.number(8, 8), 16
            behind = min(self.end, position + max(size, head)) if size else self.end
            yield kind, Part(self.file, min(position + head, behind), behind)
            position = behind

    def unique(self, *kinds: bytes) -> list["Part"]:
        """Return the boxes of these kinds; empty parts for those that are not there. Raises TooCostlyError.

        Raises UnreadableImageError for doubles: readers may differ about which of them counts.
        """
        found: dict[bytes, Part] = {}
        for kind, part in self.boxes():
            if kind in kinds and kind in found:
                raise UnreadableImageError(f"the image has two boxes {kind.decode()} in one place")
            found[kind] = part
        return [found.get(kind, self.after(self.end)) for kind in kinds]

    def first(self, kind: bytes) -> "Part":
        """Return the first box of a kind; an empty part if there is none. Raises TooCostlyError."""
        return next((part for one, part in self.boxes() if one == kind), self.after(self.end))

    def inner(self, *path: bytes) -> "Part":
        """Follow a path of kinds inwards. Raises as `unique` does."""
        part = self
        for kind in path:
            (part,) = part.unique(kind)
        return part


@dataclass
class Cursor:
    """Reads the numbers of a part one after the other."""

    part: Part
    at: int = 0

    def read(self, size: int) -> int:
        """Read a number of so many bytes; those behind the file's end count as zero."""
        self.at += size
        return self.part.number(self.at - size, size)


@dataclass
class File:
    """A file, and how many of its parts may still be looked at."""

    data: bytes
    left: int = MOST_PARTS

    @property
    def whole(self) -> Part:
        """All of it."""
        return Part(self, 0, len(self.data))

    def count(self, parts: int = 1) -> None:
        """Count parts that are looked at. Raises TooCostlyError once there are too many."""
        self.left -= parts
        if self.left < 0:
            raise TooCostlyError(f"the image has more than {MOST_PARTS} parts")
