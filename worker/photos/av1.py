"""Reads from AV1 data how large its pictures are. Section numbers are those of the AV1 specification.

The sequence header has the largest size. A decoder takes it for each frame that does not override it; an
overriding one should be smaller, but dav1d lets it have as many pixels as the size's number of bits allows.
"""

from collections.abc import Callable
from dataclasses import dataclass

SEQUENCE, FRAME_HEADERS = 1, (3, 6, 7)  # kinds of OBUs that tell a size, 6.2.2
SWITCH, KEY = 3, 0  # kinds of frames, 6.8.2
MOST_HEADER = 1_024  # bytes; a sequence header with 32 operating points has fewer
ADAPTIVE = 2  # each frame says for itself


@dataclass(frozen=True, slots=True)
class Size:
    """The most pixels of a frame. With `is_loose` it is a power of two, and the frame should be smaller."""

    width: int
    height: int
    is_loose: bool = False

    @property
    def area(self) -> int:
        """Pixels."""
        return self.width * self.height

    def fits(self, width: int, height: int) -> bool:
        """Whether frames of at most that size can have this one."""
        if self.is_loose:
            width, height = 1 << (width - 1).bit_length(), 1 << (height - 1).bit_length()
        return self.width <= width and self.height <= height

    def __str__(self) -> str:
        return f"{self.width} × {self.height}"


def sizes(data: memoryview, count: Callable[[], None]) -> set[Size]:
    """Return the sizes of frames in AV1 data; calls `count` for each of its parts (OBUs, 5.3.1)."""
    found: set[Size] = set()
    sequence, position = None, 0
    while position < len(data):
        count()
        kind, has_extension, has_size = data[position] >> 3 & 15, data[position] & 4, data[position] & 2
        position += 2 if has_extension else 1
        length, position = _leb128(data, position) if has_size else (len(data), position)
        body = data[position : position + length]
        if kind == SEQUENCE:
            sequence = Sequence(_Bits(body))
            found.add(sequence.size)
        elif sequence and kind in FRAME_HEADERS and sequence.is_overridden(_Bits(body)):
            found.add(sequence.loose_size)
        position += length
    return found


def _leb128(data: memoryview, position: int) -> tuple[int, int]:
    """Read a number of seven bits a byte, and return the position behind it too (4.10.5)."""
    value = 0
    for index, byte in enumerate(data[position : position + 8]):
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, position + index + 1
    return len(data), len(data)


class _Bits:
    """Reads bits; those behind the end count as zeros."""

    def __init__(self, data: memoryview) -> None:
        self._value, self._left = int.from_bytes(data[:MOST_HEADER]), 8 * min(len(data), MOST_HEADER)

    def read(self, size: int) -> int:
        self._left -= size
        value = self._value >> self._left if self._left >= 0 else self._value << -self._left
        return value & (1 << size) - 1

    def skip_variable(self) -> None:
        """Skip a number with as many leading zeros as bits (uvlc, 4.10.3)."""
        zeros = 0
        while zeros < 32 and not self.read(1):
            zeros += 1
        self.read(zeros if zeros < 32 else 0)


class Sequence:
    """What a sequence header (5.5.1) says of sizes, and of the way to a frame's flag for another size."""

    def __init__(self, bits: _Bits) -> None:
        bits.read(4)  # profile, still picture
        self._is_reduced = bool(bits.read(1))
        self._time_bits = self._id_bits = 0
        self._tools = self._integers = ADAPTIVE
        if self._is_reduced:
            bits.read(5)  # level
        else:
            self._read_operating_points(bits)
        width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
        self.size = Size(bits.read(width_bits) + 1, bits.read(height_bits) + 1)
        self.loose_size = Size(1 << width_bits, 1 << height_bits, is_loose=True)
        if not self._is_reduced:
            self._read_tools(bits)

    def is_overridden(self, bits: _Bits) -> bool:
        """Whether a frame header (5.9.2) has a size of its own."""
        if self._is_reduced or bits.read(1):  # the latter shows a frame that was decoded before
            return False
        kind, is_shown = bits.read(2), bits.read(1)
        if kind == SWITCH:
            return True
        bits.read(self._time_bits if is_shown else 1)
        bits.read(0 if kind == KEY and is_shown else 1)  # resilience to errors
        bits.read(1)
        has_tools = bits.read(1) if self._tools == ADAPTIVE else self._tools
        bits.read(1 if has_tools and self._integers == ADAPTIVE else 0)
        bits.read(self._id_bits)
        return bool(bits.read(1))

    def _read_operating_points(self, bits: _Bits) -> None:
        delay_bits = 0
        if bits.read(1):  # timing
            bits.read(64)
            if is_regular := bits.read(1):
                bits.skip_variable()
            if bits.read(1):  # decoder model
                delay_bits = bits.read(5) + 1
                bits.read(37)
                time_bits = bits.read(5) + 1
                self._time_bits = 0 if is_regular else time_bits
        has_delays = bits.read(1)
        for _ in range(bits.read(5) + 1):
            bits.read(12)
            bits.read(1 if bits.read(5) > 7 else 0)  # tier, of high levels
            bits.read(2 * delay_bits + 1 if delay_bits and bits.read(1) else 0)
            bits.read(4 if has_delays and bits.read(1) else 0)

    def _read_tools(self, bits: _Bits) -> None:
        if bits.read(1):
            deltas = bits.read(4)
            self._id_bits = deltas + bits.read(3) + 3
        bits.read(7)
        bits.read(2 if bits.read(1) else 0)  # order of frames
        self._tools = ADAPTIVE if bits.read(1) else bits.read(1)
        self._integers = ADAPTIVE if not self._tools or bits.read(1) else bits.read(1)
