"""Photos with small faults that every browser shows are read, and what a browser does not turn is not turned."""

import io
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from bench.hostile import photos as hostile
from tests.support import icc
from worker.errors import PhotoError, UnreadableImageError, UnsupportedFormatError
from worker.messages import Pixels
from worker.photos import decoding, png
from worker.photos.costs import MOST_SEGMENTS
from worker.photos.jpeg import completed

TARGET = decoding.Target(48, 48, "squash")
MAX_PIXELS = 4_000_000
END = b"\xff\xd9"


def scene(width: int = 96, height: int = 64) -> Image.Image:
    noise = np.random.default_rng(3).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def encode(image: Image.Image, image_format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, image_format, **options)
    return stream.getvalue()


def pixels(data: bytes) -> Pixels:
    return decoding.prepare(data, TARGET, MAX_PIXELS)[0]


def difference(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one.astype(float) - other).mean())


# PNG: chunks beside the picture


def chunk(kind: bytes, content: bytes, damage: int = 0) -> bytes:
    checksum = zlib.crc32(kind + content) ^ damage
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


PLAIN = encode(scene(), "PNG")


def with_chunk(extra: bytes, *, last: bool = False) -> bytes:
    at = PLAIN.index(b"IEND") - 4 if last else 33
    return PLAIN[:at] + extra + PLAIN[at:]


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(
    "kind", [b"tEXt", b"iCCP", b"gAMA", b"pHYs", b"eXIf", b"tRNS", b"tIME", b"bKGD", b"fcTL", b"abCd"]
)
def test_a_wrong_checksum_costs_that_chunk_only(kind: bytes, last: bool) -> None:
    assert (pixels(with_chunk(chunk(kind, bytes(30), damage=1), last=last)) == pixels(PLAIN)).all()


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"gAMA", b"\0"),
        chunk(b"cHRM", b""),
        chunk(b"pHYs", b"\1"),
        chunk(b"iCCP", b"name\0\7rubbish"),
        chunk(b"iCCP", b"name"),
        chunk(b"zTXt", b"name\0\7rubbish"),
        chunk(b"iTXt", b"\0"),
        chunk(b"tRNS", b"\0"),
        chunk(b"acTL", b"\0"),
        chunk(b"zTXt", b"name\0\0" + zlib.compress(bytes(2_000_000))),
    ],
    ids=lambda extra: repr(extra[4:14]),
)
def test_a_chunk_that_makes_no_sense_costs_nothing(extra: bytes) -> None:
    assert (pixels(with_chunk(extra)) == pixels(PLAIN)).all()


def test_a_damaged_exif_chunk_turns_nothing_and_a_whole_one_does() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    body = exif.tobytes()[6:]
    assert (pixels(with_chunk(chunk(b"eXIf", body))) == pixels(PLAIN)[::-1, ::-1]).all()
    assert (pixels(with_chunk(chunk(b"eXIf", body, damage=1))) == pixels(PLAIN)).all()


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT", b"PLTE"])
def test_a_wrong_checksum_of_the_picture_itself_is_not_forgiven(kind: bytes) -> None:
    data = bytearray(encode(scene().convert("P"), "PNG"))
    data[data.index(kind) + 7] ^= 1
    with pytest.raises(UnreadableImageError):
        pixels(bytes(data))


def test_a_plain_file_is_not_copied() -> None:
    assert png.read(PLAIN).data is PLAIN


# PNG: transparency


def grey_png(depth: int, values: list[int], transparent: int) -> bytes:
    """Rows of one value each, 8 pixels wide."""
    bits = [f"{value:0{depth}b}" * 8 for value in values]
    rows = b"".join(b"\0" + int(row, 2).to_bytes(depth) for row in bits)
    header = struct.pack(">IIBBBBB", 8, len(values), depth, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"tRNS", struct.pack(">H", transparent))]
    return b"".join([png.SIGNATURE, *parts, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")])


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_transparent_grey_is_white_at_any_depth(depth: int) -> None:
    most = (1 << depth) - 1
    values = [0, most // 3, most]
    for transparent in {0, most // 3}:
        shown = decoding.prepare(
            grey_png(depth, values, transparent), decoding.Target(3, 8, "squash"), MAX_PIXELS
        )[0]
        expected = [255 if value == transparent else value * 255 // most for value in values]
        assert shown[:, 4, 0].tolist() == expected


def test_nearly_the_transparent_grey_is_not_transparent() -> None:
    shown = decoding.prepare(grey_png(16, [4660, 4661], 4660), decoding.Target(2, 8, "squash"), MAX_PIXELS)[0]
    assert shown[:, 4, 0].tolist() == [255, 4661 >> 8]


def colour_png(depth: int, colours: list[tuple[int, int, int]], transparent: tuple[int, int, int]) -> bytes:
    """Rows of one colour each, 8 pixels wide."""
    form = ">3B" if depth == 8 else ">3H"
    rows = b"".join(b"\0" + struct.pack(form, *colour) * 8 for colour in colours)
    header = struct.pack(">IIBBBBB", 8, len(colours), depth, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"tRNS", struct.pack(">3H", *transparent))]
    return b"".join([png.SIGNATURE, *parts, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")])


@pytest.mark.parametrize("transparent", [(4660, 22136, 39612), (0, 0, 0)])
def test_a_transparent_colour_of_16_bits_is_white_and_nearly_the_same_one_is_not(
    transparent: tuple[int, int, int],
) -> None:
    red, green, blue = transparent
    near = [(red + 1, green, blue), (red, green + 1, blue), (red, green, blue + 1)]
    data = colour_png(16, [transparent, *near], transparent)
    shown = decoding.prepare(data, decoding.Target(4, 8, "squash"), MAX_PIXELS)[0]
    assert shown[:, 4].tolist() == [[255] * 3, *[[part >> 8 for part in colour] for colour in near]]


def test_bits_that_no_pixel_can_have_do_not_count() -> None:
    data = colour_png(8, [(1, 2, 3), (4, 5, 6)], (0x101, 0x202, 0x303))
    shown = decoding.prepare(data, decoding.Target(2, 8, "squash"), MAX_PIXELS)[0]
    assert shown[:, 4].tolist() == [[255, 255, 255], [4, 5, 6]]
    grey = decoding.prepare(grey_png(8, [7, 9], 0x107), decoding.Target(2, 8, "squash"), MAX_PIXELS)[0]
    assert grey[:, 4, 0].tolist() == [255, 9]


# JPEG: the end marker

KINDS: dict[str, dict[str, object]] = {
    "sequential": {},
    "progressive": {"progressive": True},
    "4:4:4": {"subsampling": "4:4:4"},
    "restarts": {"restart_marker_rows": 1},
    "restart blocks": {"restart_marker_blocks": 2, "progressive": True},
}
JPEGS = {name: encode(scene(), "JPEG", **options) for name, options in KINDS.items()} | {
    "grey": encode(scene().convert("L"), "JPEG"),
    "CMYK": encode(scene().convert("CMYK"), "JPEG"),
    "plain colour": encode(Image.new("RGB", (96, 64), (128, 128, 128)), "JPEG", restart_marker_rows=1),
}


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("tail", [b"", b"\xff", b"\0", bytes(5000), b"\xff\xff\xff"], ids=len)
def test_a_jpeg_that_lacks_only_its_end_marker_is_read(kind: str, tail: bytes) -> None:
    whole = JPEGS[kind]
    assert whole.endswith(END)
    assert (pixels(whole[:-2] + tail) == pixels(whole)).all()


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("zeros", [0, 5_000])
def test_an_upload_that_was_cut_short_is_unreadable_wherever_it_was_cut(kind: str, zeros: int) -> None:
    whole = JPEGS[kind]
    with Image.open(io.BytesIO(whole)) as image:
        expected = np.asarray(image)
    first_scan = whole.index(b"\xff\xda")
    for cut in [*range(first_scan, len(whole) - 80, 37), *range(len(whole) - 80, len(whole) - 2)]:
        with suppress(OSError):
            shown = completed(whole[:cut] + bytes(zeros))
            if shown is not None:  # then the last bits do not matter
                assert (np.asarray(shown) == expected).all(), f"{cut} of {len(whole)}"
                assert cut > len(whole) - 40


def test_an_upload_cut_at_a_restart_marker_or_between_two_scans_is_unreadable() -> None:
    for kind, mark in (("restarts", b"\xff\xd1"), ("progressive", b"\xff\xda"), ("progressive", b"\xff\xc4")):
        whole = JPEGS[kind]
        cut = whole.rindex(mark)
        for position in (cut, cut + 1, cut + 2):
            with pytest.raises(UnreadableImageError):
                pixels(whole[:position])


def test_a_picture_without_its_end_is_decoded_no_larger_than_it_is_needed() -> None:
    data = encode(scene(960, 640), "JPEG")[:-2]
    image = completed(data, (100, 60))
    assert image is not None
    assert image.size == (120, 80)


def test_a_progressive_picture_may_lack_detail_that_its_size_does_not_show() -> None:
    whole = encode(scene(960, 640), "JPEG", progressive=True)
    cut = whole[: (whole.rindex(b"\xff\xda") + len(whole)) // 2]
    image, expected = completed(cut, (100, 60)), Image.open(io.BytesIO(whole))
    expected.draft(None, (100, 60))
    assert image is not None
    assert (np.asarray(image) == np.asarray(expected)).all()
    assert completed(cut, (960, 640)) is None


def test_whether_many_scans_are_whole_is_only_found_out_for_small_pictures() -> None:
    draft = (48, 48)
    assert completed(hostile.many_scans(64, 90)[:-2], draft) is not None
    assert completed(hostile.many_scans(4_096, 90)[:-2], draft) is None
    assert completed(hostile.many_scans(4_096, 9)[:-2], draft) is not None


def test_neither_is_it_for_very_many_segments() -> None:
    picture, extra = JPEGS["sequential"][:-2], hostile.segment(0xE5, b"")
    assert completed(picture + extra * 500) is not None
    assert completed(picture + extra * MOST_SEGMENTS) is None


def test_a_profile_and_a_turn_count_in_a_picture_without_its_end() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    profile = icc.rgb(icc.DISPLAY_P3, icc.SRGB_CURVE)
    whole = encode(scene(), "JPEG", exif=exif, icc_profile=profile, comment="x")
    assert difference(pixels(whole), pixels(JPEGS["sequential"])[::-1, ::-1]) > 1
    assert (pixels(whole[:-2]) == pixels(whole)).all()


@settings(deadline=None)
@given(st.binary(max_size=60), st.integers(0, 400))
@example(b"\xff\xc0\0\x0b\x08\0\1\0\1\1\1\x11\0", 400)
def test_any_bytes_are_a_photo_or_a_photo_error(extra: bytes, cut: int) -> None:
    whole = JPEGS["sequential"]
    with suppress(PhotoError):
        pixels(whole[:cut] + extra + whole[cut + len(extra) : -2])


# AVIF and HEIF: brands


@pytest.mark.parametrize("image_format", ["AVIF", "HEIF"])
@pytest.mark.parametrize("major", [b"miaf", b"mif1", b"mif2", b"MA1B", b"heif", b"????"])
def test_the_brand_may_be_among_the_compatible_ones_only(image_format: str, major: bytes) -> None:
    data = encode(scene(), image_format, quality=90)
    brand = {"AVIF": b"avif", "HEIF": b"heic"}[image_format]
    size = int.from_bytes(data[:4])
    head = struct.pack(">I", 24) + b"ftyp" + major + bytes(4) + b"mif1" + brand
    shift = 24 - size
    moved = head + data[size:]
    at = moved.index(b"iloc")  # the offsets of the pictures move with the head
    body = bytearray(moved)
    offset = data.index(b"mdat") + 4
    place = body.index(struct.pack(">I", offset), at)
    body[place : place + 4] = struct.pack(">I", offset + shift)
    assert difference(pixels(bytes(body)), pixels(data)) < 1


@pytest.mark.parametrize("major", [b"isom", b"mp42", b"qt  ", b"crx "])
def test_films_and_raw_photos_stay_unsupported(major: bytes) -> None:
    with pytest.raises(UnsupportedFormatError):
        pixels(struct.pack(">I", 24) + b"ftyp" + major + bytes(4) + b"isommp41" + bytes(500))


# animations


def riff(*parts: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2) for kind, content in parts
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def u24(value: int) -> bytes:
    return struct.pack("<I", value)[:3]


@pytest.mark.parametrize("flags", [2, 18], ids=["opaque", "transparent"])
def test_what_the_first_frame_of_a_webp_leaves_out_is_white(flags: int) -> None:
    inner = encode(Image.new("RGB", (32, 32), "red"), "WEBP", lossless=True)[12:]
    frame = u24(8) + u24(8) + u24(31) + u24(31) + u24(100) + b"\0" + inner
    head = (b"VP8X", bytes([flags, 0, 0, 0]) + u24(95) + u24(63))
    shown = decoding.prepare(
        riff(head, (b"ANIM", b"\1\2\3\xff\0\0"), (b"ANMF", frame), (b"ANMF", frame)),
        decoding.Target(64, 96, "squash"),
        MAX_PIXELS,
    )[0]
    expected = np.full((64, 96, 3), 255, np.uint8)
    expected[16:48, 16:48] = (255, 0, 0)
    assert (shown == expected).all()


@pytest.mark.parametrize("transparency", [None, 1])
@pytest.mark.parametrize("background", [0, 2])
def test_what_the_first_frame_of_a_gif_leaves_out_is_white(transparency: int | None, background: int) -> None:
    palette = bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    control = b"!\xf9\4" + bytes([transparency is not None, 0, 0, transparency or 0]) + b"\0"
    inner = Image.new("P", (32, 32), 2)
    inner.putpalette(palette)
    coded = encode(inner, "GIF")
    data = coded[coded.index(b",") + 10 :]
    head = b"GIF89a" + struct.pack("<HHBBB", 96, 64, 0x81, background, 0) + palette
    gif = head + control + b"," + struct.pack("<HHHHB", 16, 16, 32, 32, 0) + data
    shown = decoding.prepare(gif, decoding.Target(64, 96, "squash"), MAX_PIXELS)[0]
    expected = np.full((64, 96, 3), 255, np.uint8)
    expected[16:48, 16:48] = shown[32, 32]
    assert (shown == expected).all()
    assert tuple(shown[32, 32]) != (255, 255, 255)


# orientation

XMP = "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:Description tiff:Orientation=\"1\"/></x:xmpmeta>"


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
def test_only_exif_turns_a_photo(image_format: str) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP)
    plain = encode(scene(), image_format, quality=90, xmp=XMP.encode(), pnginfo=info)
    turned = plain.replace(b'Orientation="1"', b'Orientation="3"')
    assert turned != plain
    with Image.open(io.BytesIO(JPEGS["sequential"] if image_format == "PNG" else turned)) as image:
        assert image.getexif().get(0x0112, 3) == 3  # that is how Pillow sees it
    assert (pixels(turned) == pixels(plain)).all()
