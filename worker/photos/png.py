"""Reads a PNG's chunks, and leaves out those that decoders need not see.

A wrong checksum in a chunk that is not critical costs that chunk only, as in browsers (PNG
specification, 13.1). Pillow refuses the file for it, and for odd texts. So it gets the picture, its
transparency and its EXIF data, and nothing else.
"""

import zlib
from collections.abc import Iterator
from typing import NamedTuple

from worker.errors import TooCostlyError, UnreadableImageError
from worker.photos.colour import Colours
from worker.photos.costs import MOST_CHUNKS
from worker.photos.png_colours import CHUNKS, colours

SIGNATURE = b"\x89PNG\r\n\x1a\n"
START = SIGNATURE + b"\0\0\0\x0dIHDR"  # the header comes first, and has 13 bytes (11.2.1)
HEADER_END = len(START) + 13
PICTURE = b"IDAT"
MOST_PIECES = 50_000  # chunks with the picture; encoders write 8 KB in each, rarely 1 KB
DEPTH, KIND = 24, 25  # where they are in the file
GREY, COLOUR = 0, 2  # kinds of pictures whose transparency is one value
LEAST = {GREY: 2, COLOUR: 6}  # bytes of it


class Chunk(NamedTuple):
    """A chunk: its name, and where it and its content are in the file."""

    name: bytes
    start: int
    content: int
    end: int

    def is_whole(self, data: bytes) -> bool:
        """Whether its checksum is right."""
        with memoryview(data) as view:
            return zlib.crc32(view[self.start + 4 : self.end]) == int.from_bytes(
                data[self.end : self.end + 4]
            )


class Png(NamedTuple):
    """A PNG without the chunks that are not needed, its bits a channel, its kind, and its colour space."""

    data: bytes
    depth: int
    kind: int
    colours: Colours

    @property
    def is_deep(self) -> bool:
        """Whether Pillow returns the upper halves of its colours only. Of 16-bit greys, it returns all bits."""
        return self.kind == COLOUR and self.depth == 16

    def transparent(self, value: object) -> object:
        """Bring Pillow's transparent value to the range of its pixels; it does so itself only for palettes.

        Bits that a pixel cannot have do not count (11.3.1.1). Deep values stay as they are.
        """
        most = (1 << self.depth) - 1
        if self.kind == GREY and self.depth < 16 and isinstance(value, int):
            return (value & most) * 255 // most
        if self.kind == COLOUR and isinstance(value, tuple):
            return tuple(part & most for part in value)
        return value


def chunks(data: bytes) -> Iterator[Chunk]:
    """Yield the chunks up to the last one. Raises TooCostlyError for too many."""
    position, pieces, others = len(SIGNATURE), 0, 0
    while position + 8 <= len(data):
        name = data[position + 4 : position + 8]
        content = position + 8
        end = content + int.from_bytes(data[position : position + 4])
        yield Chunk(name, position, content, end)
        if name == b"IEND":
            return
        pieces, others = (pieces + 1, others) if name == PICTURE else (pieces, others + 1)
        if pieces > MOST_PIECES or others > MOST_CHUNKS:
            raise TooCostlyError(
                f"the PNG has more than {MOST_PIECES} chunks with the picture, or {MOST_CHUNKS} others"
            )
        position = end + 4


def read(data: bytes) -> Png:
    """Walk over the chunks once. Raises UnreadableImageError and TooCostlyError."""
    if not data.startswith(START) or len(data) < HEADER_END:
        raise UnreadableImageError("the PNG does not begin with a whole header")
    kind, parts, found = data[KIND], list[memoryview](), dict[bytes, bytes]()
    view, kept_from, has_picture = memoryview(data), 0, False
    for chunk in chunks(data):
        if chunk.name == b"IHDR" and chunk.content != len(START):
            raise UnreadableImageError("the PNG has two headers")
        has_picture = has_picture or chunk.name == PICTURE
        if chunk.name in CHUNKS and not has_picture and chunk.is_whole(data):
            found.setdefault(chunk.name, data[chunk.content : chunk.end])
        if not _is_needed(data, chunk, kind, has_picture):
            parts.append(view[kept_from : chunk.start])
            kept_from = chunk.end + 4
    simple = b"".join([*parts, view[kept_from:]]) if parts else data
    return Png(simple, data[DEPTH], kind, colours(found))


def _is_needed(data: bytes, chunk: Chunk, kind: int, has_picture: bool) -> bool:
    if not chunk.name[0] & 0x20:  # names of critical chunks begin with a capital letter
        return True
    if chunk.name == b"tRNS":
        is_right = not has_picture and chunk.end - chunk.content >= LEAST.get(kind, 1)
    else:
        is_right = chunk.name == b"eXIf"
    return is_right and chunk.is_whole(data)
