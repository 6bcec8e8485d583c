"""Reads a PNG's chunks, and leaves out those that decoders need not see.

A wrong checksum in a chunk that is not critical costs that chunk only, as in browsers (PNG
specification, 13.1). Pillow refuses the file for it, and for odd texts. So it gets the picture, its
transparency and its EXIF data, and nothing else.
"""

import zlib
from collections.abc import Iterator
from typing import NamedTuple

from worker.photos.colour import MOST_PROFILE, Colours
from worker.photos.spaces import BT709, Primaries, Space, from_code_points

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PICTURE = b"IDAT"
GREY, COLOUR = 0, 2  # kinds of pictures whose transparency is one value
SCALE = 100_000  # of numbers in gAMA and cHRM
CODED_AS_SRGB = 45_455  # gAMA, which is 1 / 2.2
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


def chunks(data: bytes) -> Iterator[Chunk]:
    """Yield the chunks up to the last one."""
    position = len(SIGNATURE)
    while position + 8 <= len(data):
        name = data[position + 4 : position + 8]
        content = position + 8
        end = content + int.from_bytes(data[position : position + 4])
        yield Chunk(name, position, content, end)
        if name == b"IEND":
            return
        position = end + 4


def simplify(data: bytes) -> bytes:
    """Leave out chunks that are damaged or not needed. The same bytes if there are none."""
    parts: list[memoryview] = []
    view, kept_from, has_picture = memoryview(data), 0, False
    for chunk in chunks(data):
        has_picture = has_picture or chunk.name == PICTURE
        if not _is_needed(data, chunk, has_picture):
            parts.append(view[kept_from : chunk.start])
            kept_from = chunk.end + 4
    return b"".join([*parts, view[kept_from:]]) if parts else data


def _is_needed(data: bytes, chunk: Chunk, has_picture: bool) -> bool:
    if not chunk.name[0] & 0x20:  # names of critical chunks begin with a capital letter
        return True
    if chunk.name == b"tRNS":
        is_right = not has_picture and chunk.end - chunk.content >= LEAST.get(data[25], 1)
    else:
        is_right = chunk.name == b"eXIf"
    return is_right and chunk.is_whole(data)


def scale_transparency(data: bytes, value: object) -> object:
    """Bring a transparent value to the 8 bits of the pixels that Pillow returns; it does so only for palettes.

    It returns pixels of 16 bits for grey ones of 16 bits, so that their value stays.
    """
    depth, kind = data[24], data[25]
    if kind == GREY and depth < 8 and isinstance(value, int):
        most = (1 << depth) - 1
        return (value & most) * 255 // most
    if kind == COLOUR and depth == 16 and isinstance(value, tuple):
        return tuple(part >> 8 for part in value)
    return value


def colours(data: bytes) -> Colours:
    """Return a PNG's colour space. None for sRGB (PNG specification, third edition, 4.3).

    Of several chunks, cICP counts before iCCP, that before sRGB, and that before gAMA and cHRM.
    """
    found: dict[bytes, bytes] = {}
    for chunk in chunks(data):
        if chunk.name == PICTURE:
            break
        if chunk.name in (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM") and chunk.is_whole(data):
            found.setdefault(chunk.name, data[chunk.content : chunk.end])
    if len(numbers := found.get(b"cICP", b"")) == 4:
        return from_code_points(numbers[0], numbers[1])
    if profile := _profile(found.get(b"iCCP", b"")):
        return profile
    if b"sRGB" in found or len(found.get(b"gAMA", b"")) != 4:
        return None
    return _measured(int.from_bytes(found[b"gAMA"]), found.get(b"cHRM", b""))


def _profile(content: bytes) -> bytes | None:
    _, _, packed = content.partition(b"\0")
    try:
        return zlib.decompressobj().decompress(packed[1:], MOST_PROFILE + 1) or None
    except zlib.error:
        return None


def _measured(gamma: int, chromaticities: bytes) -> Space | None:
    """Return the space of gAMA and cHRM. Other primaries count only if both are there."""
    if not gamma:
        return None
    primaries: Primaries = BT709
    if len(chromaticities) == 32:
        white_x, white_y, *others = (
            int.from_bytes(chromaticities[at : at + 4]) / SCALE for at in range(0, 32, 4)
        )
        red_x, red_y, green_x, green_y, blue_x, blue_y = others
        primaries = (red_x, red_y, green_x, green_y, blue_x, blue_y, white_x, white_y)
    return Space(primaries, 0.0 if abs(gamma - CODED_AS_SRGB) < 100 else SCALE / gamma)
