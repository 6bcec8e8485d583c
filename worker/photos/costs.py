"""Refuses JPEGs that take minutes to decode, by counting their parts. Costs next to nothing.

A progressive JPEG is sent in scans, and each scan, even an empty one, makes the decoder walk over
the whole picture. Encoders write about ten. Segments of up to 64 KB come before the first scan;
Pillow takes longer for each, the more there are.
"""

import re
from collections.abc import Iterator

from worker.errors import TooCostlyError

MOST_SCANS = 100
MOST_SEGMENTS = 2_000  # 25 MB of metadata in the largest segments are 400
_START, _SCAN, _END = b"\xff\xd8", 0xDA, 0xD9
# Markers with a length. Decoders skip what is between segments, and the others.
_SEGMENT = re.compile(rb"\xff+([^\x00\x01\xc8\xd0-\xd9\xf0-\xfd\xff])")
_SEGMENT_OR_END = re.compile(rb"\xff+([^\x00\x01\xc8\xd0-\xd8\xf0-\xfd\xff])")


def check_cost(data: bytes) -> None:
    """Raise TooCostlyError for a JPEG of too many scans or segments."""
    if data.startswith(_START):
        first_scan = _find_first_scan(data)
        if data.count(b"\xff\xda") > MOST_SCANS:  # segments may hold these bytes too
            _check_scans(data, first_scan)


def _find_first_scan(data: bytes) -> int:
    for segments, (marker, position) in enumerate(_segments(_SEGMENT, data, len(_START))):
        if marker == _SCAN:
            return position
        if segments >= MOST_SEGMENTS:
            raise TooCostlyError(f"the JPEG has more than {MOST_SEGMENTS} segments before its first scan")
    return len(data)


def _check_scans(data: bytes, position: int) -> None:
    scans = 1
    for segments, (marker, _) in enumerate(_segments(_SEGMENT_OR_END, data, position)):
        scans += marker == _SCAN
        if marker == _END:
            return
        if scans > MOST_SCANS or segments > MOST_SEGMENTS:
            raise TooCostlyError(f"the JPEG has more than {MOST_SCANS} scans, or {MOST_SEGMENTS} segments")


def _segments(pattern: "re.Pattern[bytes]", data: bytes, position: int) -> Iterator[tuple[int, int]]:
    """Yield each segment's marker and the position behind it. The first two bytes are its length."""
    while found := pattern.search(data, position):
        length = int.from_bytes(data[found.end() : found.end() + 2])
        position = found.end() + max(2, length)
        yield found[1][0], position
