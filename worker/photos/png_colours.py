"""Finds a PNG's colour space in its chunks (PNG specification, third edition, 4.3)."""

import zlib
from collections.abc import Mapping

from worker.photos.colour import MOST_PROFILE, Colours
from worker.photos.spaces import BT709, Primaries, Space, from_code_points

CHUNKS = {b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM"}
SCALE = 100_000  # of numbers in gAMA and cHRM
CODED_AS_SRGB = 45_455  # gAMA, which is 1 / 2.2


def colours(found: Mapping[bytes, bytes]) -> Colours:
    """Return the space that chunks, by their names, say. None for sRGB.

    Of several chunks, cICP counts before iCCP, that before sRGB, and that before gAMA and cHRM.
    """
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
