"""Photos that cost a decoder far more than their size suggests."""

import io
import struct
import zlib

from PIL import Image

SOI, EOI = b"\xff\xd8", b"\xff\xd9"


def many_scans(side: int, scans: int) -> bytes:
    """A grey progressive JPEG that is valid; each of its empty scans walks over the whole picture."""
    blocks = ((side + 7) // 8) ** 2
    frame = struct.pack(">BHHB", 8, side, side, 1) + bytes([1, 0x11, 0])
    # One code each: a difference of 0; a run of 2^14 empty blocks, with 14 bits for more of them.
    tables = [segment(0xC4, bytes([kind << 4, 1, *[0] * 15, symbol])) for kind, symbol in ((0, 0), (1, 0xE0))]
    first = segment(0xDA, bytes([1, 1, 0, 0, 0, 0])) + _entropy("0" * blocks)
    runs = -(-blocks // 32_767)
    empty = segment(0xDA, bytes([1, 1, 0, 1, 63, 0])) + _entropy(("0" + "1" * 14) * runs)
    parts = [
        SOI,
        segment(0xDB, bytes([0, *[1] * 64])),
        segment(0xC2, frame),
        *tables,
        first,
        *[empty] * scans,
    ]
    return b"".join([*parts, EOI])


def many_segments(number: int, body: bytes = b"Exif\0\0" + b"x" * 10, *, between: bytes = b"") -> bytes:
    """A tiny JPEG with so many segments before its first scan, and bytes `between` them that decoders skip."""
    return SOI + (segment(0xE1, body) + between) * number + tiny("JPEG")[2:]


def many_pieces(number: int) -> bytes:
    """A tiny PNG with so many empty chunks before its picture, of the picture's kind."""
    png, kind = tiny("PNG"), b"IDAT"
    return png[:33] + struct.pack(">I4sI", 0, kind, zlib.crc32(kind)) * number + png[33:]


def gif_comment(size: int) -> bytes:
    """A tiny GIF with a comment of `size` bytes, in blocks of one byte."""
    gif = tiny("GIF")
    flags = gif[10]
    head = 13 + (3 << ((flags & 7) + 1) if flags & 128 else 0)
    return gif[:head] + b"!\xfe" + b"\1x" * (size // 2) + b"\0" + gif[head:]


def false_size(image_format: str, side: int) -> bytes:
    """An AVIF or HEIF whose header says 64 × 64 pixels; the picture inside has `side` × `side`."""
    stream = io.BytesIO()
    Image.new("RGB", (side, side)).save(stream, image_format)
    data, at = bytearray(stream.getvalue()), -1
    while (at := data.find(b"ispe", at + 1)) >= 0:
        data[at + 8 : at + 16] = struct.pack(">II", 64, 64)
    return bytes(data)


def tiny(image_format: str) -> bytes:
    """A picture of 64 × 64 pixels."""
    stream = io.BytesIO()
    Image.effect_noise((64, 64), 90).convert("RGB").save(stream, image_format)
    return stream.getvalue()


def segment(marker: int, body: bytes) -> bytes:
    """Encode a JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _entropy(bits: str) -> bytes:
    """Coded data: padded with ones, and a zero byte after each byte that looks like a marker."""
    padded = bits + "1" * (-len(bits) % 8)
    return int(padded, 2).to_bytes(len(padded) // 8).replace(b"\xff", b"\xff\0")
