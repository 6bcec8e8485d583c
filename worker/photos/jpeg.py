"""Tells a JPEG that lacks only its end marker, which browsers show, from an upload that was cut short.

A decoder makes up what is missing, so that no error shows it. But what it makes up depends on what
follows the data. So the picture is decoded with several continuations: it is whole if all give the same.
A progressive picture that was cut between two scans is whole by that; its scan headers say what is missing.
"""

import io

from PIL import Image, ImageChops

from worker.photos.costs import segments

END = b"\xff\xd9"
SCAN, RESTART = 0xDA, 0xD0
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # kinds of frame headers, by their markers
MOST_ZEROS = 8  # bytes that may belong to the picture
NOISE = bytes(range(0x81, 0xFE)) * 2  # more than a block's code; none of these bytes begins a marker


def with_end(data: bytes) -> bytes | None:
    """Append the end marker to a JPEG. None if part of the picture is missing too.

    Many zeros at the end are what a file system shows of data that was not written.
    """
    written = data.rstrip(b"\0")
    body = (data if len(data) - len(written) <= MOST_ZEROS else written).rstrip(b"\xff")
    if not _has_all_scans(body):
        return None
    with _picture(body + END) as picture:
        for other in (NOISE, b"\xff" + bytes([_next_restart(body)]) + NOISE):
            with _picture(body + other + END) as made_up:
                if ImageChops.difference(picture, made_up).getbbox():
                    return None
    return body + END


def _picture(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=["JPEG"])
    image.load()
    return image


def _has_all_scans(data: bytes) -> bool:
    """Whether the scans give all bits of each coefficient of each component (ISO/IEC 10918-1, B.2)."""
    missing: dict[int, set[int]] = {}
    try:
        for marker, content in segments(data):
            if marker in FRAMES:
                missing = {content[at]: set(range(64)) for at in range(6, 6 + 3 * content[5], 3)}
            elif marker == SCAN:
                number = content[0]
                first, last, bits = content[1 + 2 * number : 4 + 2 * number]
                for component in content[1 : 1 + 2 * number : 2]:
                    missing[component] -= set() if bits & 15 else set(range(first, last + 1))
    except (IndexError, KeyError, ValueError):  # cut short in a header
        return False
    return bool(missing) and not any(missing.values())


def _next_restart(data: bytes) -> int:
    """Return the marker that would come next if there are restart markers. Others decode nothing beyond it."""
    last = max((data.rfind(bytes([0xFF, RESTART + number])), number) for number in range(8))
    return RESTART + (last[1] + 1) % 8 if last[0] >= 0 else RESTART
