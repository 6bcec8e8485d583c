"""Photos of every kind a phone or a browser sends: what becomes of their pixels, and what is refused."""

import functools
import io
import re
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, ImageOps

from worker.errors import (
    EmptyObjectError,
    PhotoError,
    TooManyPixelsError,
    UnreadableImageError,
    UnsupportedFormatError,
)
from worker.messages import Pixels
from worker.photos import colour, decoding, looks, opening
from worker.photos.decoding import Fit, Target
from worker.photos.looks import Look

SMALL = Target(32, 32, "squash")
MAX_PIXELS = 4_000_000
WHITE = (255, 255, 255)
ORIENTATION = 0x0112  # the EXIF tag
PNG = b"\x89PNG\r\n\x1a\n"
SAMPLES = Path(__file__).parents[3] / "localstack" / "photos"
SAMPLE_PHOTOS = sorted(path for path in SAMPLES.iterdir() if path.suffix in {".jpg", ".png", ".heic"})


def scene(width: int = 96, height: int = 64) -> Image.Image:
    """A picture without symmetry: red grows to the right, green downwards, a blue block at the top left."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width).astype(np.uint8)
    pixels[..., 1] = np.linspace(0, 255, height).astype(np.uint8)[:, None]
    pixels[: height // 3, : width // 3, 2] = 255
    return Image.fromarray(pixels)


def textured_scene(width: int, height: int) -> Image.Image:
    """A scene with detail at every scale."""
    noise = np.random.default_rng(7).integers(0, 256, (height // 64, width // 64, 3), np.uint8)
    blurred = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
    return Image.blend(blurred, scene(width, height), 0.5)


def encode(image: Image.Image, image_format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, image_format, **options)
    return stream.getvalue()


def pixels_of(data: bytes, target: Target = SMALL, max_pixels: int = MAX_PIXELS) -> Pixels:
    return decoding.prepare(data, target, max_pixels)[0]


def hash_of(data: bytes, target: Target = SMALL, max_pixels: int = MAX_PIXELS) -> str:
    image_hash = decoding.prepare(data, target, max_pixels)[1].image_hash
    assert image_hash is not None
    return image_hash


def difference(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Mean absolute difference, in steps of 0 … 255."""
    return float(np.abs(np.asarray(one, np.float64) - np.asarray(other, np.float64)).mean())


def differing_bits(one: str | None, other: str | None) -> int:
    assert one is not None
    assert other is not None
    return (int(one.partition(":")[2], 16) ^ int(other.partition(":")[2], 16)).bit_count()


def reference(image: Image.Image) -> Pixels:
    """What the photo looks like after lossless coding."""
    return pixels_of(encode(image, "PNG"))


# formats


@pytest.mark.parametrize(
    ("image_format", "options"),
    [
        ("JPEG", {"quality": 90}),
        ("JPEG", {"quality": 90, "progressive": True}),
        ("JPEG", {"quality": 90, "subsampling": "4:2:0", "restart_marker_rows": 1}),
        ("PNG", {}),
        ("WEBP", {"quality": 90}),
        ("WEBP", {"lossless": True}),
        ("GIF", {}),
        ("AVIF", {"quality": 90}),
        ("HEIF", {"quality": 90}),
    ],
)
def test_a_format_on_the_list_gives_the_picture(image_format: str, options: dict[str, Any]) -> None:
    image = textured_scene(320, 256)
    pixels, look = decoding.prepare(encode(image, image_format, **options), SMALL, MAX_PIXELS)
    assert pixels.shape == (32, 32, 3)
    assert pixels.dtype == np.uint8
    assert difference(pixels, np.asarray(image.resize((32, 32), Image.Resampling.BILINEAR))) < 8
    bits = 12 if image_format == "GIF" else 4  # 256 colours; another picture would differ in some 32
    assert differing_bits(look.image_hash, hash_of(encode(image, "PNG"))) <= bits


def test_cmyk_and_grey_jpegs_become_rgb() -> None:
    plain = reference(scene())
    assert difference(pixels_of(encode(scene().convert("CMYK"), "JPEG", quality=95)), plain) < 8
    grey = pixels_of(encode(scene().convert("L"), "JPEG", quality=95))
    assert (grey[..., 0] == grey[..., 1]).all()
    assert (grey[..., 0] == grey[..., 2]).all()
    assert difference(grey[..., 0], np.asarray(scene().convert("L").resize((32, 32)))) < 4


def test_a_multi_picture_jpeg_gives_its_first_picture() -> None:
    data = encode(
        scene(), "MPO", save_all=True, append_images=[Image.new("RGB", (96, 64), "white")], quality=90
    )
    assert b"MPF\0" in data
    assert difference(pixels_of(data), reference(scene())) < 8


@pytest.mark.parametrize("image_format", ["WEBP", "GIF", "AVIF", "PNG", "HEIF"])
def test_an_animation_gives_its_first_frame(image_format: str) -> None:
    others = [Image.new("RGB", (96, 64), colour) for colour in ("white", "black")]
    data = encode(scene(), image_format, save_all=True, append_images=others)
    with Image.open(io.BytesIO(data)) as image:
        assert getattr(image, "n_frames", 1) == 3
    assert difference(pixels_of(data), reference(scene())) < 8


def test_sixteen_bit_grey_keeps_its_shades() -> None:
    ramp = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    pixels = pixels_of(encode(Image.fromarray(ramp), "PNG"), Target(64, 64, "squash"))
    assert (pixels[..., 0] == ramp >> 8).all()


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_other_kinds_of_png_become_rgb(mode: str) -> None:
    image = scene().convert(mode)
    expected = np.asarray(image.convert("RGB").resize((32, 32), Image.Resampling.BILINEAR))
    assert difference(reference(image), expected) < 4


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("image_format", ["PNG", "WEBP"])
def test_transparent_pixels_become_white_and_half_transparent_ones_pale(mode: str, image_format: str) -> None:
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    image.paste((0, 0, 0, 128), (0, 32, 64, 64))
    pixels = pixels_of(encode(image.convert(mode), image_format, lossless=True))
    assert (pixels[:14] == 255).all()
    assert np.abs(pixels[18:].astype(int) - 127).max() <= 1


@pytest.mark.parametrize(
    ("image", "options"),
    [
        (Image.new("P", (64, 64), 0), {"transparency": 0}),
        (Image.new("L", (64, 64), 7), {"transparency": 7}),
        (Image.new("RGB", (64, 64), (1, 2, 3)), {"transparency": (1, 2, 3)}),
    ],
    ids=["palette", "grey", "rgb"],
)
def test_a_single_transparent_colour_becomes_white_too(image: Image.Image, options: dict[str, Any]) -> None:
    assert (pixels_of(encode(image, "PNG", **options)) == 255).all()


# refusals


@pytest.mark.parametrize("image_format", ["BMP", "TIFF", "ICO", "PPM", "TGA", "JPEG2000", "PDF", "EPS"])
def test_a_format_that_is_not_on_the_list_is_refused(image_format: str) -> None:
    with pytest.raises(UnsupportedFormatError):
        pixels_of(encode(scene(), image_format))


@pytest.mark.parametrize(
    "data",
    [
        b"this is no photo, whatever its name says",
        b"\0",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"GIF",
    ],
)
def test_bytes_that_are_no_image_are_refused(data: bytes) -> None:
    with pytest.raises(UnsupportedFormatError):
        pixels_of(data)


def test_an_object_without_bytes_is_empty() -> None:
    with pytest.raises(EmptyObjectError):
        pixels_of(b"")


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_a_photo_cut_short_is_unreadable(image_format: str, share: float) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 96, 3), np.uint8)
    whole = encode(Image.fromarray(noise), image_format)
    assert pixels_of(whole).shape == (32, 32, 3)
    with pytest.raises(UnreadableImageError):
        pixels_of(whole[: int(len(whole) * share)])


def test_a_png_with_a_wrong_checksum_is_unreadable() -> None:
    whole = bytearray(encode(scene(), "PNG"))
    whole[whole.index(b"IHDR") + 7] ^= 1  # a bit of the width
    with pytest.raises(UnreadableImageError):
        pixels_of(bytes(whole))


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff\xe0\0\x10JFIF",
        PNG + bytes(20),
        b"RIFF\x10\0\0\0WEBPVP8 ",
        b"GIF89a\x01",
        b"\0\0\0\x18ftypavif\0\0\0\0mif1avif",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    ],
)
def test_a_photo_cut_short_in_its_header_is_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableImageError):
        pixels_of(data)


# limits


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb(side: int) -> bytes:
    """A PNG whose few bytes unfold to side × side black pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes((side + 1) * side), 9)
    return PNG + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def heic_of_size(width: int, height: int) -> bytes:
    """A small HEIC whose container names another size."""
    small = encode(scene(64, 64), "HEIF")
    sizes = [match.end() + 4 for match in re.finditer(b"ispe", small)]  # after the box's version and flags
    assert sizes
    for at in sizes:
        small = small[:at] + struct.pack(">II", width, height) + small[at + 8 :]
    return small


# Made before any test, because making them needs the decoding that some tests forbid.
ENCODED = {image_format: encode(scene(), image_format) for image_format in opening.FORMATS}
HUGE_HEIC = heic_of_size(20_000, 10_000)


@pytest.fixture
def no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoding any image fails the test."""

    def refuse(image: ImageFile.ImageFile) -> None:
        pytest.fail(f"a {image.format} was decoded")

    for image_format in opening.FORMATS:
        with Image.open(io.BytesIO(ENCODED[image_format])) as image:
            monkeypatch.setattr(type(image), "load", refuse)


@pytest.mark.usefixtures("no_decoding")
@pytest.mark.parametrize("image_format", opening.FORMATS)
def test_the_header_alone_decides_about_the_pixel_limit(image_format: str) -> None:
    with pytest.raises(TooManyPixelsError, match="96 × 64"):
        pixels_of(ENCODED[image_format], max_pixels=96 * 64 - 1)


@pytest.mark.usefixtures("no_decoding")
@pytest.mark.parametrize("image_format", opening.FORMATS)
def test_the_guard_against_decoding_works(image_format: str) -> None:
    with pytest.raises(pytest.fail.Exception, match="was decoded"):
        pixels_of(ENCODED[image_format])


@pytest.mark.parametrize("image_format", opening.FORMATS)
def test_a_photo_at_the_pixel_limit_is_read(image_format: str) -> None:
    assert pixels_of(ENCODED[image_format], max_pixels=96 * 64).shape == (32, 32, 3)


def test_a_bomb_is_refused_before_it_is_decompressed() -> None:
    bomb = png_bomb(6_000)
    tracemalloc.start()
    try:
        with pytest.raises(TooManyPixelsError):
            pixels_of(bomb, max_pixels=MAX_PIXELS)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("side", [50_000, 2**31 - 1])
def test_a_header_that_promises_the_impossible_is_refused(side: int) -> None:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    with pytest.raises(TooManyPixelsError):
        pixels_of(PNG + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))


@pytest.mark.usefixtures("no_decoding")
def test_a_heic_of_200_megapixels_is_refused() -> None:
    with pytest.raises(TooManyPixelsError, match="20000 × 10000"):
        pixels_of(HUGE_HEIC, max_pixels=100_000_000)


@pytest.mark.parametrize(("width", "height"), [(0, 0), (0, 64), (2**32 - 1, 2**32 - 1)])
def test_a_heic_of_an_impossible_size_is_refused(width: int, height: int) -> None:
    with pytest.raises(PhotoError):
        pixels_of(heic_of_size(width, height))


# shapes


@pytest.mark.parametrize("fit", ["crop", "pad", "squash"])
@pytest.mark.parametrize(
    "size", [(1, 1), (1, 2), (2, 1), (3, 500), (20_000, 1), (1, 20_000), (20_000, 7), (31, 33)]
)
@pytest.mark.parametrize("image_format", ["PNG", "JPEG"])
def test_a_photo_of_any_shape_gets_the_models_shape(
    fit: Fit, size: tuple[int, int], image_format: str
) -> None:
    data = encode(Image.new("RGB", size, "white"), image_format)
    pixels = pixels_of(data, Target(48, 32, fit))
    assert pixels.shape == (48, 32, 3)
    if fit != "pad" or max(size) < 100 * min(size):  # a line thinner than half a pixel leaves only the bars
        assert pixels.max() >= 250


def stripes(*, upright: bool) -> bytes:
    """Red, white and blue stripes, twice as long as wide."""
    image = Image.new("RGB", (120, 60), "white")
    image.paste((255, 0, 0), (0, 0, 30, 60))
    image.paste((0, 0, 255), (90, 0, 120, 60))
    return encode(image.transpose(Image.Transpose.ROTATE_270) if upright else image, "PNG")


@pytest.mark.parametrize("upright", [False, True])
def test_crop_shows_the_centre_and_fills_the_frame(upright: bool) -> None:
    pixels = pixels_of(stripes(upright=upright), Target(60, 60, "crop"))
    assert (pixels == 255).all()


def test_pad_shows_everything_between_black_bars() -> None:
    pixels = pixels_of(stripes(upright=False), Target(60, 60, "pad"))
    assert (pixels[:14] == 0).all()
    assert (pixels[46:] == 0).all()
    assert tuple(pixels[30, 2]) == (255, 0, 0)
    assert tuple(pixels[30, 30]) == WHITE
    assert tuple(pixels[30, 57]) == (0, 0, 255)


def test_squash_shows_everything_and_fills_the_frame() -> None:
    pixels = pixels_of(stripes(upright=False), Target(60, 60, "squash"))
    assert (pixels[:, 2] == (255, 0, 0)).all()
    assert (pixels[:, 30] == WHITE).all()
    assert (pixels[:, 57] == (0, 0, 255)).all()


# orientation

STORED_AS = {  # EXIF orientation → how a camera held that way turns the picture; by the EXIF standard's table
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: upright.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("fit", ["crop", "pad", "squash"])
def test_every_orientation_gives_the_same_upright_pixels_and_look(orientation: int, fit: Fit) -> None:
    turned = Image.fromarray(np.ascontiguousarray(STORED_AS[orientation](np.asarray(scene()))))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    target = Target(32, 48, fit)
    pixels, look = decoding.prepare(encode(turned, "PNG", exif=exif), target, MAX_PIXELS)
    upright, upright_look = decoding.prepare(encode(scene(), "PNG"), target, MAX_PIXELS)
    assert (pixels == upright).all()
    assert look == upright_look


@pytest.mark.parametrize("image_format", ["JPEG", "WEBP", "HEIF", "AVIF"])
def test_the_orientation_counts_once_in_every_format_that_has_one(image_format: str) -> None:
    turned = Image.fromarray(np.ascontiguousarray(np.rot90(np.asarray(scene()), 1)))
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    data = encode(turned, image_format, exif=exif.tobytes(), quality=90)
    assert (b"irot" in data) == (image_format in {"HEIF", "AVIF"})  # these say it twice, and readers turn it
    assert difference(pixels_of(data), reference(scene())) < 8


def test_a_large_photo_is_turned_like_a_small_one() -> None:
    turned = Image.fromarray(np.ascontiguousarray(np.rot90(np.asarray(scene(960, 640)), 1)))
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    data = encode(turned, "JPEG", exif=exif, quality=90)
    assert difference(pixels_of(data), reference(scene(960, 640))) < 8


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0",
        b"Exif\0\0rubbish",
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x05\0\0\0\x1aupside",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x09\0\0\0\0\0\0",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x05\0\0\0\x01\0\0\0\x1a\0\0\0\0\0\0\0\0\0\0\0\0",
    ],
    ids=["none", "rubbish", "count", "offset", "text", "nine", "fraction"],
)
def test_broken_exif_does_not_cost_the_photo(exif: bytes) -> None:
    data = encode(scene(), "JPEG", exif=exif, quality=90)
    assert exif in data
    assert difference(pixels_of(data), reference(scene())) < 8


# reduced decoding and the hash


@pytest.fixture
def turned(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Fills with the size of every picture that is turned upright."""
    sizes: list[tuple[int, int]] = []
    turn = Image.Image.transpose

    def watch(image: Image.Image, method: Image.Transpose) -> Image.Image:
        sizes.append(image.size)
        return turn(image, method)

    monkeypatch.setattr(Image.Image, "transpose", watch)
    return sizes


@functools.cache
def large_mirrored(image_format: str) -> bytes:
    """A photo of 1920 × 1280 pixels; encoding it takes a second, so the tests share it."""
    mirrored = Image.Exif()
    mirrored[ORIENTATION] = 2  # HEIF has no room for a rotation: its readers turn it themselves
    fast = {"enc_params": {"preset": "ultrafast"}} if image_format == "HEIF" else {}
    return encode(textured_scene(1920, 1280), image_format, quality=90, exif=mirrored, **fast)


@pytest.mark.parametrize("fit", ["crop", "pad", "squash"])
@pytest.mark.parametrize(("image_format", "most"), [("JPEG", 2), ("PNG", 4), ("WEBP", 4), ("HEIF", 4)])
def test_a_large_photo_is_reduced_before_it_is_turned_and_looks_the_same(
    fit: Fit, image_format: str, most: int, turned: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = large_mirrored(image_format)
    target = Target(96, 96, fit)
    quick, quick_look = decoding.prepare(data, target, MAX_PIXELS)
    monkeypatch.setattr(decoding, "_draft_size", lambda size, _: size)
    monkeypatch.setattr(decoding, "_reduce", lambda image, _: image)
    full, full_look = decoding.prepare(data, target, MAX_PIXELS)
    if image_format != "HEIF":
        assert 96 <= min(turned[0]) < most * 96
        assert turned[1] == (1920, 1280)
    assert difference(quick, full) < 3
    assert differing_bits(quick_look.image_hash, full_look.image_hash) <= 2
    assert looks.are_alike(quick_look.image_colours, full_look.image_colours)


def plain_hash(data: bytes) -> str:
    """What imagehash itself says of the whole photo, upright."""
    with Image.open(io.BytesIO(data)) as image:
        return f"phash-1:{imagehash.phash(ImageOps.exif_transpose(image).convert('RGB'))}"


@pytest.mark.parametrize("photo", [path.name for path in SAMPLE_PHOTOS])
@pytest.mark.parametrize("size", [None, (500, 375), (1080, 1440), (2000, 1500), (4000, 3000)])
@pytest.mark.parametrize("quality", [50, 90])
def test_at_most_2_bits_of_the_hash_differ_from_that_of_the_whole_photo(
    photo: str, size: tuple[int, int] | None, quality: int
) -> None:
    with Image.open(SAMPLES / photo) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    data = encode(upright.resize(size) if size else upright, "JPEG", quality=quality)
    target = Target(224, 224, "crop")
    assert differing_bits(hash_of(data, target, 12_000_000), plain_hash(data)) <= 2


@pytest.mark.parametrize("path", SAMPLE_PHOTOS, ids=lambda path: path.name)
def test_the_same_holds_for_unchanged_samples(path: Path) -> None:
    data = path.read_bytes()
    assert differing_bits(hash_of(data, Target(224, 224, "crop")), plain_hash(data)) <= 2


@pytest.mark.parametrize("size", [(32, 32), (60, 45), (95, 95)])
def test_a_picture_too_small_for_two_steps_has_imagehashs_own_hash(size: tuple[int, int]) -> None:
    data = encode(textured_scene(640, 448).resize(size), "PNG")
    assert hash_of(data) == plain_hash(data)


def test_an_rgb_image_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    converted: list[tuple[str, str | None]] = []
    convert = Image.Image.convert

    def watch(image: Image.Image, mode: str | None = None, **options: Any) -> Image.Image:
        converted.append((image.mode, mode))
        return convert(image, mode, **options)

    data = encode(scene(), "PNG")
    monkeypatch.setattr(Image.Image, "convert", watch)
    monkeypatch.setattr(Image.Image, "copy", lambda image: pytest.fail(f"{image.size} was copied"))
    monkeypatch.setattr(imagehash, "phash", lambda _: 0)  # copies its 32 × 32 pixels
    pixels_of(data)
    assert converted == [("RGB", "L")]


@pytest.mark.parametrize("image_format", opening.FORMATS)
def test_the_hash_names_its_algorithm_and_64_bits(image_format: str) -> None:
    assert re.fullmatch(r"phash-1:[0-9a-f]{16}", hash_of(ENCODED[image_format]))


def test_the_hash_depends_on_the_picture_not_on_its_size_or_the_model() -> None:
    data = encode(textured_scene(640, 448), "PNG")
    smaller = encode(
        textured_scene(640, 448).resize((320, 224), Image.Resampling.LANCZOS), "JPEG", quality=80
    )
    other = encode(textured_scene(640, 448).transpose(Image.Transpose.ROTATE_180), "PNG")
    assert hash_of(data, Target(200, 100, "crop")) == hash_of(data)
    assert differing_bits(hash_of(data), hash_of(smaller)) <= 4
    assert differing_bits(hash_of(data), hash_of(other)) >= 16


def test_the_warm_up_reads_every_format(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str | None] = []
    prepare = decoding.prepare

    def watched(data: bytes, *rest: Any, **named: Any) -> Any:
        read.append(Image.open(io.BytesIO(data)).format)
        return prepare(data, *rest, **named)

    monkeypatch.setattr(decoding, "prepare", watched)
    colour._transforms.clear()
    decoding.warm_up(SMALL)
    assert len(colour._transforms) == 1  # littlecms is loaded, and knows sRGB
    assert sorted(map(str, read)) == sorted(opening.FORMATS)


# anything at all


def assert_pixels_or_photo_error(data: bytes) -> None:
    try:
        pixels, look = decoding.prepare(data, SMALL, MAX_PIXELS)
    except PhotoError:
        return
    assert pixels.shape == (32, 32, 3)
    assert look == Look() or str(look.image_hash).startswith("phash-1:")


@settings(deadline=None)  # a decoder may load its library
@given(st.binary(max_size=200))
@example(b"\xff\xd8\xff")
@example(PNG)
@example(b"RIFF\0\0\0\0WEBP")
@example(b"\0\0\0\x18ftypheic")
@example(b"\0\0\0\x18ftypavif")
@example(b"GIF89a\0\0\0\0\0\0\0")
def test_any_bytes_give_pixels_or_a_photo_error(data: bytes) -> None:
    assert_pixels_or_photo_error(data)


TINY = {image_format: encode(scene(24, 16), image_format) for image_format in opening.FORMATS}


@settings(deadline=None)
@given(st.sampled_from(opening.FORMATS), st.data())
def test_a_damaged_photo_gives_pixels_or_a_photo_error(image_format: str, data: st.DataObject) -> None:
    damaged = bytearray(TINY[image_format])
    for _ in range(data.draw(st.integers(1, 5))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(damaged)) | st.just(len(damaged)))
    assert_pixels_or_photo_error(bytes(damaged[:cut]))
