"""Refuses photos of far too many parts, which take seconds or minutes to read. Costs next to nothing.

A progressive JPEG is sent in scans, and each scan, even an empty one, makes the decoder walk over
the whole picture. Encoders write about ten. Segments of up to 64 KB come before the first scan;
Pillow takes longer for each, the more there are. A PNG's chunks can each unpack to a megabyte.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from worker.errors import TooCostlyError, UnreadableImageError

MOST_SCANS = 100
MOST_SEGMENTS = 2_000  # 25 MB of metadata in the largest segments are 400
MOST_JUNK = 65_536  # bytes between segments, which Pillow skips one by one
MOST_CHUNKS = 500  # of a PNG or WebP, beside those with the picture
_JPEG = b"\xff\xd8"
_SCAN, _END = 0xDA, 0xD9
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)  # in others, a scan has at least a bit for each block
# Markers with a length. Decoders skip the others.
_SEGMENT = re.compile(rb"\xff([^\x00\x01\xc8\xd0-\xd9\xf0-\xfd\xff])")
_SEGMENT_OR_END = re.compile(rb"\xff([^\x00\x01\xc8\xd0-\xd8\xf0-\xfd\xff])")


def check_cost(data: bytes) -> None:
    """Raise TooCostlyError for a JPEG of too many parts, UnreadableImageError for much junk and no picture."""
    if data.startswith(_JPEG):
        first_scan, is_progressive = _read_header(data)
        if is_progressive and data.count(b"\xff\xda") > MOST_SCANS:  # segments may hold these bytes too
            _check_scans(data, first_scan)


def webp_size(data: bytes) -> tuple[int, int]:
    """Read width and height of a WebP; 0 for other files. Pillow takes its memory as soon as it opens it.

    See RFC 9649 for the three kinds of first chunks.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return 0, 0
    kind, body = data[12:16], data[20:30]
    if kind == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF


def first_webp_frame(data: bytes) -> tuple[int, int, int, int] | None:
    """Read which part of the canvas an animated WebP's first frame covers: left, top, right, bottom, in pixels."""
    position = 12
    is_animated = data[12:16] == b"VP8X" and len(data) > 20 and data[20] & 2
    for _ in range(MOST_CHUNKS if is_animated else 0):
        kind, length = (
            data[position : position + 4],
            int.from_bytes(data[position + 4 : position + 8], "little"),
        )
        if kind == b"ANMF":
            x, y, width, height = (
                int.from_bytes(data[at : at + 3], "little") for at in range(position + 8, position + 20, 3)
            )
            return 2 * x, 2 * y, 2 * x + width + 1, 2 * y + height + 1
        position += 8 + length + length % 2
    return None


class Segment(NamedTuple):
    """A JPEG's segment: its marker, where it is in the file, and its content without the length."""

    marker: int
    start: int
    end: int
    content: memoryview


def segments(data: bytes) -> Iterator[Segment]:
    """Yield a JPEG's segments up to the end of the picture."""
    for marker, start, end in _segments(_SEGMENT_OR_END, data, len(_JPEG)):
        if marker == _END:
            return
        yield Segment(marker, start, end, memoryview(data)[start + 4 : end])


def _read_header(data: bytes) -> tuple[int, bool]:
    """Return the position behind the head of the first scan, and whether the JPEG is progressive."""
    behind, junk, is_progressive = len(_JPEG), 0, False
    for number, (marker, start, end) in enumerate(_segments(_SEGMENT, data, behind)):
        junk, behind = junk + start - behind, end
        is_progressive = is_progressive or marker in _PROGRESSIVE
        if marker == _SCAN:
            return end, is_progressive
        if number >= MOST_SEGMENTS or junk > MOST_JUNK:
            break
    else:
        if len(data) - behind + junk > MOST_JUNK:  # an upload that ends in zeros, perhaps
            raise UnreadableImageError("the JPEG has no picture")
        return len(data), False
    raise TooCostlyError(
        f"the JPEG has more than {MOST_SEGMENTS} segments, or {MOST_JUNK} bytes between them, before a scan"
    )


def _check_scans(data: bytes, position: int) -> None:
    scans = 1
    for number, (marker, _, _) in enumerate(_segments(_SEGMENT_OR_END, data, position)):
        scans += marker == _SCAN
        if marker == _END:
            return
        if scans > MOST_SCANS or number > MOST_SEGMENTS:
            raise TooCostlyError(f"the JPEG has more than {MOST_SCANS} scans, or {MOST_SEGMENTS} segments")


def _segments(pattern: "re.Pattern[bytes]", data: bytes, position: int) -> Iterator[tuple[int, int, int]]:
    """Yield each segment's marker, its position and that behind it. The first two bytes are its length."""
    while found := pattern.search(data, position):
        length = int.from_bytes(data[found.end() : found.end() + 2])
        position = found.end() + max(2, length)
        yield found[1][0], found.start(), position
