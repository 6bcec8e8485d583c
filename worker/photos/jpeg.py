"""Tells a JPEG that lacks only its end marker, which browsers show, from an upload that was cut short.

A decoder makes up what is missing, so that no error shows it. But what it makes up depends on what
follows the data. So the picture is decoded with several continuations: it is whole if all give the same.
They are decoded at the size that is needed; detail that this size does not show may be missing. A progressive
picture that was cut between two scans is whole by that; its scan headers say what is missing.
"""

import io
from collections.abc import Iterator, Sequence
from itertools import islice

from PIL import Image, ImageChops

from worker.photos.costs import MOST_SEGMENTS, Segment, segments

END = b"\xff\xd9"
SCAN, RESTART, INTERVAL = 0xDA, 0xD0, 0xDD
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # kinds of frame headers, by their markers
METADATA = {*range(0xE1, 0xEE), 0xEF, 0xFE}  # not APP0 and APP14, which say how colours are coded
MOST_ZEROS = 8  # bytes that may belong to the picture
MOST_WORK = 1_000_000_000  # pixels × scans, a second at most; 48 megapixels in 12 scans are 580 million
NOISE = bytes(range(0x81, 0xFE)) * 2  # more than a block's code; none of these bytes begins a marker


def completed(data: bytes, draft: tuple[int, int] | None = None) -> Image.Image | None:
    """Decode a JPEG that lacks only its end marker, at the smallest size that covers `draft`.

    None if part of what that size needs is missing too, or if finding out costs too much. Many zeros at
    the end are what a file system shows of data that was not written. Raises whatever decoders raise.
    """
    written = len(data.rstrip(b"\0"))
    body = data[: len(data) if len(data) - written <= MOST_ZEROS else written].rstrip(b"\xff")
    parts = list(islice(segments(body), MOST_SEGMENTS + 1))
    if len(parts) > MOST_SEGMENTS or _work(parts) > MOST_WORK or not _has_all_scans(parts):
        return None
    stream = io.BytesIO()  # one for all, with an end that changes: files are large
    stream.writelines(_needed(body, parts))
    end = stream.tell()
    image = _decode(stream, end, b"", draft)
    for continuation in _continuations(body, parts):
        if ImageChops.difference(image, _decode(stream, end, continuation, draft)).getbbox():
            return None
    return image


def _decode(stream: io.BytesIO, end: int, continuation: bytes, draft: tuple[int, int] | None) -> Image.Image:
    stream.seek(end)
    stream.truncate()
    stream.write(continuation + END)
    image = Image.open(stream, formats=["JPEG"])
    image.draft(None, draft)
    image.load()
    return image


def _needed(data: bytes, parts: Sequence[Segment]) -> Iterator[memoryview]:
    """Yield the file without the metadata before its picture, of which decoders keep copies."""
    view, kept_from = memoryview(data), 0
    for part in parts:
        if part.marker == SCAN:
            break
        if part.marker in METADATA:
            yield view[kept_from : part.start]
            kept_from = part.end
    yield view[kept_from:]


def _continuations(data: bytes, parts: Sequence[Segment]) -> Iterator[bytes]:
    """Yield what may follow. Where restart markers are due, nothing is decoded before the next one."""
    yield NOISE
    if any(part.marker == INTERVAL for part in parts):
        yield b"\xff" + bytes([_next_restart(data)]) + NOISE


def _work(parts: Sequence[Segment]) -> int:
    """Return the pixels of the largest frame, once for each scan."""
    sizes = (part.content[1:5] for part in parts if part.marker in FRAMES)
    pixels = max((int.from_bytes(size[:2]) * int.from_bytes(size[2:]) for size in sizes), default=0)
    return pixels * sum(part.marker == SCAN for part in parts)


def _has_all_scans(parts: Sequence[Segment]) -> bool:
    """Whether the scans give all bits of each coefficient of each component (ISO/IEC 10918-1, B.2)."""
    missing: dict[int, set[int]] = {}
    try:
        for part in parts:
            content = part.content
            if part.marker in FRAMES:
                missing = {content[at]: set(range(64)) for at in range(6, 6 + 3 * content[5], 3)}
            elif part.marker == SCAN:
                number = content[0]
                first, last, bits = content[1 + 2 * number : 4 + 2 * number]
                for component in content[1 : 1 + 2 * number : 2]:
                    missing[component] -= set() if bits & 15 else set(range(first, last + 1))
    except (IndexError, KeyError, ValueError):  # cut short in a header
        return False
    return bool(missing) and not any(missing.values())


def _next_restart(data: bytes) -> int:
    """Return the marker that would come next."""
    last = max((data.rfind(bytes([0xFF, RESTART + number])), number) for number in range(8))
    return RESTART + (last[1] + 1) % 8 if last[0] >= 0 else RESTART
