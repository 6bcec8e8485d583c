"""The true size of an AVIF: what is coded in it, not what its header says."""

import io
import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bench.hostile.photos import false_size
from tests.support.avif import Item, av1, box, full, grid, still
from worker.errors import PhotoError, TooCostlyError, TooManyPixelsError, UnreadableImageError
from worker.photos import decoding, opening
from worker.photos.av1 import Size, sizes
from worker.photos.avif import check_coded_size
from worker.photos.boxes import MOST_PARTS

MAX_PIXELS = 4_000_000
TARGET = decoding.Target(32, 32, "squash")
SMALL, LARGE, ALPHA, LARGE_ALPHA = av1(64, 64), av1(1100, 1100), av1(64, 64, "L"), av1(300, 300, "L")
CELLS = {b"dimg": [2, 3]}


def encode(size: tuple[int, int], mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    image = Image.effect_noise(size, 90).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.effect_noise(size, 90))
    image.save(stream, "AVIF", speed=10, **options)
    return stream.getvalue()


def read(data: bytes, max_pixels: int = MAX_PIXELS) -> None:
    """Decode a photo as a decoder process does."""
    assert decoding.prepare(data, TARGET, max_pixels)[0].shape == (32, 32, 3)


# photos that are read


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (65, 31), (127, 129), (640, 481)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
@pytest.mark.parametrize("frames", [1, 3])
def test_what_encoders_make_is_read(size: tuple[int, int], mode: str, frames: int) -> None:
    others = [Image.new(mode, size)] * (frames - 1)
    read(encode(size, mode, save_all=frames > 1, append_images=others))


@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize("inside", [False, True], ids=["in the file", "in idat"])
@pytest.mark.parametrize("brand", [b"avif", b"mif1"])
@pytest.mark.parametrize(
    "items",
    [
        [Item(SMALL, (64, 64))],
        [Item(SMALL, (64, 64)), Item(ALPHA, (64, 64), references={b"auxl": [1]})],
        [Item(grid(1, 2, (100, 64)), (100, 64), b"grid", CELLS), *[Item(SMALL, (64, 64))] * 2],
        [Item(SMALL, (64, 64)), Item(LARGE, (1100, 1100), references={b"thmb": [1]})],
        [Item(SMALL, (64, 64)), Item(LARGE, (1100, 1100))],
    ],
    ids=["one", "alpha", "grid", "thumbnail", "another picture"],
)
def test_any_structure_is_read(items: list[Item], pieces: int, inside: bool, brand: bytes) -> None:
    read(still(items, pieces=pieces, inside=inside, brand=brand))


def test_a_film_behind_the_picture_is_not_looked_at() -> None:
    read(encode((64, 64)) + encode((300, 300), save_all=True, append_images=[Image.new("RGB", (300, 300))]))


# photos that are refused


@pytest.mark.parametrize("image_format", ["AVIF", "HEIF"])
@pytest.mark.parametrize("side", [100, 2_000])
def test_a_picture_larger_than_its_header_says_is_unreadable(image_format: str, side: int) -> None:
    with pytest.raises(UnreadableImageError):
        read(false_size(image_format, side))


def test_the_error_names_both_sizes() -> None:
    with pytest.raises(UnreadableImageError, match=r"64 × 64 pixels, the picture 1000 × 1000"):
        read(false_size("AVIF", 1_000))


def test_one_above_the_limit_has_too_many_pixels() -> None:
    with pytest.raises(TooManyPixelsError, match="2500 × 2500"):
        read(false_size("AVIF", 2_500))


@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize("inside", [False, True], ids=["in the file", "in idat"])
@pytest.mark.parametrize("brand", [b"avif", b"mif1"])
@pytest.mark.parametrize(
    "items",
    [
        [Item(LARGE, (64, 64))],
        [Item(SMALL, (64, 64)), Item(LARGE_ALPHA, (64, 64), references={b"auxl": [1]})],
        [Item(grid(1, 1, (64, 64)), (64, 64), b"grid", {b"dimg": [2]}), Item(LARGE, (1100, 1100))],
        [
            Item(grid(1, 1, (64, 64)), (64, 64), b"grid", {b"dimg": [2]}),
            Item(SMALL, (64, 64)),
            Item(LARGE, (64, 64), references={b"auxl": [2]}),
        ],
        [Item(SMALL + LARGE, (64, 64))],
    ],
    ids=["picture", "alpha", "cell", "alpha of a cell", "second frame"],
)
def test_whatever_the_picture_is_made_of_counts(
    items: list[Item], pieces: int, inside: bool, brand: bytes
) -> None:
    data = still(items, pieces=pieces, inside=inside, brand=brand)
    with pytest.raises(UnreadableImageError, match=r"1100 × 1100|300 × 300"):
        opening.open_photo(data, MAX_PIXELS)


def test_the_cells_of_a_grid_count_together() -> None:
    cells = [Item(av1(1000, 1000), (64, 64))] * 9
    first = Item(grid(3, 3, (192, 192)), (192, 192), b"grid", {b"dimg": list(range(2, 11))})
    with pytest.raises(UnreadableImageError, match="9000000 pixels are coded"):
        opening.open_photo(still([first, *cells]), MAX_PIXELS)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_sequence_whose_frames_are_larger_is_unreadable(mode: str) -> None:
    size = (300, 300)
    data = encode(size, mode, save_all=True, append_images=[Image.new(mode, size)])
    assert data[8:12] == b"avis"
    smaller = struct.pack(">II", 64 << 16, 64 << 16)
    with pytest.raises(UnreadableImageError, match="64 × 64 pixels, the picture 300 × 300"):
        opening.open_photo(data.replace(struct.pack(">II", 300 << 16, 300 << 16), smaller), MAX_PIXELS)


def test_a_picture_without_a_sequence_header_is_unreadable() -> None:
    with pytest.raises(UnreadableImageError, match="no AV1 picture"):
        opening.open_photo(still([Item(b"\x12\0" * 8, (64, 64))]), MAX_PIXELS)


# sizes in AV1 data


def bits(*fields: tuple[int, int]) -> bytes:
    """Encode (value, number of bits), and fill the last byte."""
    text = "".join(f"{value:0{size}b}" for value, size in fields)
    return int(text + "0" * (-len(text) % 8), 2).to_bytes(-(-len(text) // 8))


def obu(kind: int, body: bytes) -> bytes:
    return bytes([kind << 3 | 2, len(body)]) + body


# A film's sequence header (5.5.1) ends so: no frame ids, order hints of 7 bits, and screen content tools and
# whole motion vectors as each frame says.
TOOLS = [(0, 1), (0, 7), (1, 1), (0, 2), (1, 1), (1, 1), (6, 3)]


def film() -> bytes:
    """A film's sequence header: no timing, one operating point, 640 × 480 in 12 and 11 bits."""
    head = [(0, 3), (0, 2), (0, 1), (0, 1), (0, 5), (0, 12), (8, 5), (0, 1)]
    return obu(1, bits(*head, (11, 4), (10, 4), (639, 12), (479, 11), *TOOLS))


def count() -> None:
    """Count nothing."""


def sizes_of(data: bytes) -> set[Size]:
    return sizes(memoryview(data), count)


def test_the_sequence_header_tells_the_size() -> None:
    assert sizes_of(film()) == {Size(640, 480)}
    assert sizes_of(av1(321, 65)) == {Size(321, 65)}


@pytest.mark.parametrize("kind", [3, 6, 7])
@pytest.mark.parametrize("tools", [0, 1])
def test_a_frame_that_overrides_the_size_may_be_as_large_as_its_bits_allow(kind: int, tools: int) -> None:
    # shown key frame, no cdf update, screen content tools and whole motion vectors, the flag
    def frame(overrides: int) -> bytes:
        return obu(kind, bits((0, 1), (0, 2), (1, 1), (0, 1), (tools, 1), *[(1, 1)] * tools, (overrides, 1)))

    assert sizes_of(film() + frame(0)) == {Size(640, 480)}
    assert sizes_of(film() + frame(1)) == {Size(640, 480), Size(4096, 2048, is_loose=True)}


def test_a_switch_frame_always_overrides_the_size() -> None:
    assert Size(4096, 2048, is_loose=True) in sizes_of(film() + obu(6, bits((0, 1), (3, 2), (1, 1))))


@pytest.mark.parametrize(
    ("size", "fits"), [((640, 480), False), ((2049, 1025), True), ((2048, 2048), False), ((4096, 2048), True)]
)
def test_a_loose_size_fits_if_no_smaller_power_of_two_holds_the_picture(
    size: tuple[int, int], fits: bool
) -> None:
    assert Size(4096, 2048, is_loose=True).fits(*size) is fits


# anything at all


@pytest.mark.parametrize(
    "data",
    [
        box(b"ftyp", b"avif") + box(b"free") * MOST_PARTS,
        box(b"ftyp", b"avif") + full(b"meta", box(b"free") * MOST_PARTS),
        box(b"ftyp", b"avif") + full(b"meta", full(b"iloc", b"\0\0", b"\xff" * 8, version=2)),
        box(b"ftyp", b"avis") + box(b"moov", box(b"trak") * MOST_PARTS),
        still([Item(SMALL + b"\x12\0" * MOST_PARTS, (64, 64))]),
    ],
    ids=["boxes", "inner boxes", "items", "tracks", "units"],
)
def test_a_file_of_too_many_parts_costs_too_much(data: bytes) -> None:
    with pytest.raises(TooCostlyError):
        check_coded_size(data, (64, 64), MAX_PIXELS)


def test_parts_that_overlap_cost_too_much() -> None:
    whole = still([Item(SMALL + bytes(100_000), (64, 64))], pieces=3)
    at, step = whole.index(SMALL), -(-(len(SMALL) + 100_000) // 3)
    shared = whole
    for start in (at, at + step):
        shared = shared.replace(struct.pack(">II", start, step), struct.pack(">II", 0, len(whole)))
    with pytest.raises(TooCostlyError, match="overlap"):
        check_coded_size(shared, (64, 64), MAX_PIXELS)


SEEDS = [
    encode((64, 64)),
    encode((64, 64), "RGBA", save_all=True, append_images=[Image.new("RGBA", (64, 64))]),
    still([Item(grid(1, 2, (100, 64)), (100, 64), b"grid", CELLS), *[Item(SMALL, (64, 64))] * 2], pieces=2),
]


@settings(deadline=None)
@given(st.sampled_from(SEEDS) | st.binary(max_size=300), st.data())
def test_any_bytes_are_looked_through_in_no_time_or_are_a_photo_error(
    seed: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(seed)
    for _ in range(data.draw(st.integers(0, 6)) if damaged else 0):
        at = data.draw(st.integers(0, min(len(damaged), 700) - 1))
        new = data.draw(
            st.sampled_from([b"\0", b"\1", b"\xff", b"\xff" * 4]) | st.binary(min_size=1, max_size=4)
        )
        damaged[at : at + len(new)] = new
    begun = time.process_time()
    try:
        check_coded_size(bytes(damaged), (64, 64), MAX_PIXELS)
        sizes(memoryview(damaged), count)
    except PhotoError:
        pass
    assert time.process_time() - begun < 1
