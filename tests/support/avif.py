"""Builds AVIF and HEIC files of any structure around pictures that Pillow has coded."""

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from PIL import ExifTags, Image

ESSENTIAL, TURNS = 0x80, {b"irot", b"imir", b"clap"}  # readers may not ignore these
ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"


@dataclass
class Item:
    """An item: its kind, its content, the size that the header says, references to others by number, properties."""

    content: bytes
    size: tuple[int, int]
    kind: bytes = b"av01"
    references: dict[bytes, list[int]] = field(default_factory=dict)
    properties: Sequence[bytes] = ()


def box(kind: bytes, *contents: bytes) -> bytes:
    """Encode a box."""
    body = b"".join(contents)
    return struct.pack(">I", 8 + len(body)) + kind + body


def full(kind: bytes, *contents: bytes, version: int = 0) -> bytes:
    """Encode a box that has a version."""
    return box(kind, bytes([version, 0, 0, 0]), *contents)


def av1(width: int, height: int, mode: str = "RGB") -> bytes:
    """Code noise as AV1, without a container; mode L for transparency."""
    return code(Image.effect_noise((width, height), 90).convert(mode))


def code(image: Image.Image) -> bytes:
    """Code a picture as AV1, without a container."""
    stream = io.BytesIO()
    image.save(stream, "AVIF", speed=10)
    return stream.getvalue().partition(b"mdat")[2]


def exif(orientation: int, of: Sequence[int]) -> Item:
    """Metadata of these items: how the camera was held."""
    tags = Image.Exif()
    tags[ExifTags.Base.Orientation] = orientation
    return Item(bytes(4) + tags.tobytes().removeprefix(b"Exif\0\0"), (0, 0), b"Exif", {b"cdsc": [*of]})


def grid(rows: int, columns: int, size: tuple[int, int]) -> bytes:
    """Encode the content of a grid's item."""
    return struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, *size)


def still(items: Sequence[Item], *, pieces: int = 1, inside: bool = False, brand: bytes = b"avif") -> bytes:
    """Encode a file whose first item is its picture; each item's content is in so many pieces."""
    contents = b"".join(item.content for item in items)
    head = b""
    for _ in range(2):  # the first one tells where the contents are
        start = 0 if inside else len(head) + 8
        places = b"".join(_places(items, pieces, inside, start))
        head = box(b"ftyp", brand, bytes(4), b"avifmif1") + _meta(items, places, contents if inside else b"")
    return head + box(b"mdat", contents)


def _meta(items: Sequence[Item], places: bytes, data: bytes) -> bytes:
    count = struct.pack(">H", len(items))
    kinds = [
        full(b"infe", struct.pack(">HH", number, 0), item.kind, b"\0", version=2)
        for number, item in enumerate(items, 1)
    ]
    references = [
        box(kind, struct.pack(f">HH{len(others)}H", number, len(others), *others))
        for number, item in enumerate(items, 1)
        for kind, others in item.references.items()
    ]
    parts = [
        full(b"hdlr", bytes(4), b"pict", bytes(13)),
        full(b"pitm", struct.pack(">H", 1)),
        full(b"iinf", count, *kinds),
        full(b"iref", *references),
        full(b"iloc", b"\x44\0", count, places, version=1),
        _properties(items),
        box(b"idat", data) if data else b"",
    ]
    return full(b"meta", *parts)


def _places(items: Sequence[Item], pieces: int, inside: bool, at: int) -> Iterator[bytes]:
    for number, item in enumerate(items, 1):
        step = -(-len(item.content) // pieces)
        lengths = [min(step, len(item.content) - done) for done in range(0, len(item.content), step)]
        yield struct.pack(">HHHH", number, int(inside), 0, len(lengths))
        for length in lengths:
            yield struct.pack(">II", at, length)
            at += length


def _properties(items: Sequence[Item]) -> bytes:
    """Give each item its size, and coded ones what readers want to know of AV1."""
    properties: list[bytes] = []
    links = struct.pack(">I", len(items))
    for number, item in enumerate(items, 1):
        mine = [full(b"ispe", struct.pack(">II", *item.size))]
        if item.kind == b"av01":
            is_alpha = b"auxl" in item.references
            mine += [box(b"av1C", b"\x81\0\x1c\0" if is_alpha else b"\x81\0\x0c\0")]
            mine += [full(b"auxC", ALPHA)] if is_alpha else []
        mine += item.properties
        properties += [one for one in mine if one not in properties]
        marks = [ESSENTIAL * (one[4:8] in TURNS) | properties.index(one) + 1 for one in mine]
        links += struct.pack(">HB", number, len(mine)) + bytes(marks)
    return box(b"iprp", box(b"ipco", *properties), full(b"ipma", links))
