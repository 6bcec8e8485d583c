"""Whatever a header says, opening a photo ends with an image or a photo error; odd colours cost no photo."""

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

import pytest
from PIL import Image

from tests.support import avif, icc
from worker.errors import PhotoError, TooCostlyError, UnreadableImageError
from worker.photos import costs, decoding, opening, png
from worker.photos.avif import check_coded_size
from worker.photos.colour import KEY
from worker.photos.nclx import code_points
from worker.photos.opening import FORMATS, open_photo
from worker.photos.spaces import from_code_points

MAX_PIXELS = 4_000_000
HEAD = 500  # bytes at the beginning of a file that are damaged
MUTANTS = 300  # of each picture
TARGET = decoding.Target(8, 8, "squash")


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def grey_png(*before: bytes, header: bytes = struct.pack(">IIBBBBB", 8, 2, 4, 0, 0, 0, 0)) -> bytes:
    """Four bits a pixel, and a transparent grey."""
    parts = [
        *before,
        chunk(b"IHDR", header),
        chunk(b"cHRM", bytes(32)),
        chunk(b"gAMA", b"\0\0\0\1"),
        chunk(b"tRNS", b"\0\7"),
    ]
    return b"".join([png.SIGNATURE, *parts, chunk(b"IDAT", zlib.compress(bytes(10))), chunk(b"IEND", b"")])


def picture(image_format: str, mode: str = "RGB", /, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.effect_noise((16, 16), 90).convert(mode).save(stream, image_format, **options)
    return stream.getvalue()


PROFILE = icc.rgb(icc.DISPLAY_P3, icc.SRGB_CURVE)
EXIF = b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\3\0\0\0\0\0\0"
FRAMES: dict[str, object] = {"save_all": True, "append_images": [Image.new("RGB", (16, 16))]}
PICTURES: dict[str, Callable[[], bytes]] = {
    **{name: partial(picture, name, exif=EXIF) for name in FORMATS},
    **{f"{name} with a profile": partial(picture, name, icc_profile=PROFILE) for name in FORMATS},
    **{f"{name} of two frames": partial(picture, name, **FRAMES) for name in ("MPO", "PNG", "WEBP", "AVIF")},
    "grey PNG": grey_png,
    "palette PNG": partial(picture, "PNG", "P", transparency=b"\0\x80"),
}


def mutants(data: bytes) -> Iterator[bytes]:
    """Yield the picture cut, and with bytes of its head changed, moved, repeated and left out."""
    chance = random.Random(len(data))
    yield from (data[:size] for size in range(0, min(HEAD, len(data)), 3))
    for _ in range(MUTANTS):
        changed = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            start, to = (chance.randrange(min(HEAD, len(changed) + 1)) for _ in range(2))
            part = bytes(changed[start : start + 2 ** chance.randint(0, 6)])
            match chance.randrange(4):
                case 0:
                    changed[start : start + 1] = chance.choice((b"\0", b"\xff", b"\x7f", chance.randbytes(1)))
                case 1:
                    del changed[start : start + len(part)]
                case 2:
                    changed[to:to] = part
                case 3:
                    changed[to : to + len(part)] = part
        yield bytes(changed)


@pytest.mark.parametrize("name", PICTURES)
def test_only_photo_errors_leave_the_opening_of_a_damaged_photo(name: str) -> None:
    opened = 0
    for data in mutants(PICTURES[name]()):
        with suppress(PhotoError, MemoryError):
            open_photo(data, MAX_PIXELS)
            opened += 1
    assert opened


@pytest.mark.parametrize("name", PICTURES)
def test_only_photo_errors_leave_the_readers_of_our_own(name: str) -> None:
    for data in mutants(PICTURES[name]()):
        costs.webp_size(data)
        costs.first_webp_frame(data)
        for read in (png.read, costs.check_cost, code_points, lambda it: check_coded_size(it, (16, 16), 256)):
            with suppress(PhotoError):
                read(data)


@pytest.mark.parametrize(
    "data",
    [
        png.SIGNATURE + bytes(4) + b"tRNS",
        png.SIGNATURE,
        grey_png()[:30],
        grey_png(chunk(b"gAMA", bytes(4))),
        grey_png(chunk(b"abCd", bytes(100))),
        grey_png(chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 2, 8, 2, 0, 0, 0))),
        grey_png(header=bytes(12)),
        grey_png(header=struct.pack(">IIBBBBBB", 8, 2, 4, 0, 0, 0, 0, 0)),
    ],
    ids=["no header", "nothing", "cut", "gAMA first", "another one first", "two headers", "short", "long"],
)
def test_a_png_that_does_not_begin_with_its_one_header_is_unreadable(data: bytes) -> None:
    assert decoding.prepare(grey_png(), TARGET, MAX_PIXELS)
    with pytest.raises(UnreadableImageError):
        open_photo(data, MAX_PIXELS)


@pytest.mark.parametrize("error", [IndexError, ZeroDivisionError, RecursionError, struct.error])
def test_a_fault_of_a_reader_is_a_fault_of_the_photo(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(_: bytes) -> None:
        raise error

    monkeypatch.setattr(opening, "check_cost", fail)
    with pytest.raises(UnreadableImageError):
        open_photo(picture("JPEG"), MAX_PIXELS)


def test_no_memory_for_the_orientation_is_not_the_same_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Image.Exif, __: bytes) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Exif, "load", fail)
    with pytest.raises(MemoryError):
        decoding.prepare(picture("JPEG", exif=EXIF), TARGET, MAX_PIXELS)


# an AVIF's tables of properties


def with_properties(*tables: bytes, others: bytes = b"") -> bytes:
    """An AVIF of one item, with its `ipma` boxes replaced; its third property is its colour space."""
    plain = avif.still([avif.Item(avif.av1(64, 64), (64, 64))], inside=True)
    start = plain.index(b"iprp") - 4
    end = start + int.from_bytes(plain[start : start + 4])
    known = plain[start + 16 : plain.index(b"ipma") - 4]
    colour = avif.box(b"colr", b"nclx", struct.pack(">HHHB", 12, 13, 6, 128))
    properties = avif.box(b"iprp", avif.box(b"ipco", known, colour, others), *tables)
    changed = plain[:start] + properties + plain[end:]
    at = plain.index(b"meta") - 4
    size = int.from_bytes(plain[at : at + 4]) + len(properties) - (end - start)
    return changed[:at] + struct.pack(">I", size) + changed[at + 4 :]


def table(item: int, *numbers: int, flags: int = 0) -> bytes:
    """An `ipma` box for one item."""
    form = f">IHB{len(numbers)}{'H' if flags else 'B'}"
    return avif.box(b"ipma", bytes([0, 0, 0, flags]), struct.pack(form, 1, item, len(numbers), *numbers))


P3 = from_code_points(12, 13)


def test_a_picture_may_have_its_properties_in_several_tables() -> None:
    for tables in (
        (table(1, 1, 2, 3),),
        (table(1, 1, 2, 3), table(2, 1, flags=1)),
        (table(2, 1), table(1, 1, 2, 3, flags=1)),
    ):
        assert open_photo(with_properties(*tables), MAX_PIXELS).info[KEY] == P3
        assert decoding.prepare(with_properties(*tables), TARGET, MAX_PIXELS)


def test_too_many_properties_cost_the_colours_and_not_the_photo() -> None:
    flood = avif.box(b"free") * 30_000
    data = with_properties(table(1, 1, 2, 3), others=flood)
    with pytest.raises(TooCostlyError):
        code_points(data)
    assert open_photo(data, MAX_PIXELS).info[KEY] is None


def test_a_table_of_many_entries_is_not_walked_to_its_end() -> None:
    entries = struct.pack(">HB", 2, 255) + bytes(255)
    links = avif.box(b"ipma", bytes(4), struct.pack(">I", 20_001), entries * 20_001)
    with pytest.raises(TooCostlyError):
        code_points(with_properties(links))
