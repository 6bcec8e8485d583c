"""Small pictures in files of 24 MB: floods of tiny parts, or of parts that unpack to far more."""

import struct
import zlib
from collections.abc import Callable

from bench.hostile import photos as hostile
from bench.hostile.photos import SOI, segment, tiny
from tests.support import heic
from tests.support.avif import Item, box, still

SIZE = 24_000_000  # bytes


def jpeg(part: bytes) -> bytes:
    """Repeat a part before the picture."""
    return SOI + part * (SIZE // len(part)) + tiny("JPEG")[2:]


def png(kind: bytes, body: bytes = b"") -> bytes:
    """Repeat a chunk before the picture."""
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    picture = tiny("PNG")
    return picture[:33] + chunk * (SIZE // len(chunk)) + picture[33:]


def gif(part: bytes) -> bytes:
    """Repeat a part behind the picture."""
    return tiny("GIF")[:-1] + part * (SIZE // len(part)) + b";"


def webp(kind: bytes, body: bytes = b"") -> bytes:
    """Repeat a chunk behind the picture."""
    picture, chunk = tiny("WEBP"), kind + struct.pack("<I", len(body)) + body
    flood = chunk * (SIZE // len(chunk))
    return picture[:4] + struct.pack("<I", len(picture) - 8 + len(flood)) + picture[8:] + flood


def boxes(image_format: str, kind: bytes) -> bytes:
    """Repeat an empty box before the picture."""
    picture = tiny(image_format)
    (first,) = struct.unpack(">I", picture[:4])
    return picture[:first] + (struct.pack(">I", 8) + kind) * (SIZE // 8) + picture[first:]


def thumbnails(number: int) -> bytes:
    """A photo and so many thumbnails that do not decode, each of the right size."""
    junk = bytes([1]) * (SIZE // number)
    settings = heic.hevc((320, 240))[1]
    return heic.file(SCENE, *[Item(junk, (320, 240), b"hvc1", {b"thmb": [1]}, [settings])] * number)


SCENE = heic.picture((640, 480))
FLOODS: dict[str, Callable[[], bytes]] = {
    "JPEG comments": lambda: jpeg(segment(0xFE, b"x" * 65_000)),
    "JPEG profile parts": lambda: jpeg(segment(0xE2, b"ICC_PROFILE\0\1\xff" + b"x" * 64_000)),
    "JPEG EXIF parts": lambda: jpeg(segment(0xE1, b"Exif\0\0" + b"x" * 10)),
    "JPEG large EXIF parts": lambda: jpeg(segment(0xE1, b"Exif\0\0" + b"x" * 65_000)),
    "JPEG Photoshop parts": lambda: jpeg(segment(0xED, b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\0" * 5_000)),
    "JPEG empty segments": lambda: jpeg(segment(0xE5, b"")),
    "JPEG junk": lambda: jpeg(b"x"),
    "JPEG fill bytes": lambda: jpeg(b"\xff"),
    "JPEG fill bytes to nowhere": lambda: SOI + b"\xff" * SIZE + b"\0",
    "JPEG restarts": lambda: jpeg(b"\xff\xd0"),
    "JPEG scans": lambda: hostile.many_scans(10_000, 30_000),
    "JPEG segments behind a scan, and no end": lambda: tiny("JPEG")[:-2] + segment(0xE5, b"") * (SIZE // 4),
    "PNG empty chunks": lambda: png(b"aaAa"),
    "PNG texts": lambda: png(b"tEXt", b"a\0b"),
    "PNG packed texts": lambda: png(b"zTXt", b"a\0\0" + zlib.compress(bytes(900_000), 9)),
    "PNG packed profiles": lambda: png(b"iCCP", b"a\0\0" + zlib.compress(bytes(900_000), 9)),
    "PNG empty picture chunks": lambda: png(b"IDAT"),
    "GIF comment": lambda: hostile.gif_comment(SIZE),
    "GIF extensions": lambda: gif(b"!\xfe\1x\0"),
    "GIF frames": lambda: gif(b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\2\x44\1\0"),
    "WebP chunks": lambda: webp(b"abcd"),
    "WebP EXIF": lambda: webp(b"EXIF", b"x" * 10),
    "AVIF boxes": lambda: boxes("AVIF", b"free"),
    "AVIF item tables": lambda: boxes("AVIF", b"meta"),
    "AVIF units": lambda: still([Item(b"\x12\0" * (SIZE // 2), (64, 64))]),
    "AVIF parts of an item": lambda: still([Item(bytes(SIZE), (64, 64))], pieces=65_000),
    "HEIF boxes": lambda: boxes("HEIF", b"free"),
    "HEIF thumbnails": lambda: thumbnails(900),  # libheif reads no more than a thousand items
    "HEIF thumbnail in a large file": lambda: (
        heic.file(SCENE, heic.picture((320, 240), of=[1])) + box(b"free", bytes(SIZE))
    ),
    "HEIF references to thumbnails": lambda: heic.file(SCENE, heic.picture((320, 240), of=[1] * 19_000)),
    "HEIF films": lambda: boxes("HEIF", b"moov"),
}
