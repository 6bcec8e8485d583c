"""Which embedded thumbnails are decoded in place of their photo, and which are not."""

import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from tests.support import avif, heic, icc
from tests.support.heic import BLUE, P3, PQ, RED, file, mirror, picture, rotation
from worker.errors import TooManyPixelsError, UnreadableImageError
from worker.messages import Pixels
from worker.photos import thumbnails
from worker.photos.decoding import Target, prepare
from worker.photos.opening import open_photo
from worker.photos.thumbnails import decode_cheapest
from worker.result import Picture

TARGET = Target(224, 224, "crop")
MAX_PIXELS = 4_000_000
PHOTO, SMALL = (640, 480), (320, 240)
WHOLE, *CELLS = heic.cells(2, 3, 256, behind=1)
DISPLAY_P3 = icc.rgb(icc.DISPLAY_P3, icc.SRGB_CURVE)


def read(data: bytes, target: Target = TARGET) -> tuple[Pixels, Picture]:
    """Decode a photo as a decoder process does."""
    pixels, _, decoded = decode_cheapest(open_photo(data, MAX_PIXELS), data, target)
    assert pixels.shape == (target.height, target.width, 3)
    return pixels, decoded


def is_red(pixels: Pixels) -> bool:
    red, _, blue = pixels.reshape(-1, 3).mean(axis=0).tolist()
    return bool(red > 2 * blue)


TAKEN = {
    "as phones write it": [picture(PHOTO), picture(SMALL, RED, of=[1])],
    "of a photo of cells": [WHOLE, picture((384, 256), RED, of=[1]), *CELLS],
    "just covering": [picture(PHOTO), picture((300, 224), RED, of=[1])],
    "0.9 % wider": [picture((1_000, 1_000)), picture((646, 640), RED, of=[1])],
    "turned as the photo": [picture(PHOTO, BLUE, rotation(3)), picture(SMALL, RED, rotation(3), of=[1])],
    "mirrored as the photo": [
        picture(PHOTO, BLUE, rotation(1), mirror(0)),
        picture(SMALL, RED, rotation(1), mirror(0), of=[1]),
    ],
    "turned by nothing": [picture(PHOTO, BLUE, rotation(0)), picture(SMALL, RED, of=[1])],
    "without colours of its own": [
        picture(PHOTO, BLUE, heic.profile(DISPLAY_P3)),
        picture(SMALL, RED, of=[1]),
    ],
    "with the photo's profile": [
        picture(PHOTO, BLUE, heic.profile(DISPLAY_P3)),
        picture(SMALL, RED, heic.profile(DISPLAY_P3), of=[1]),
    ],
    "HDR as the photo": [
        picture(PHOTO, BLUE, heic.code_points(*PQ)),
        picture(SMALL, RED, heic.code_points(*PQ), of=[1]),
    ],
    "sRGB, which the photo does not name": [
        picture(PHOTO),
        picture(SMALL, RED, heic.code_points(1, 13), of=[1]),
    ],
    "with padding that is cropped": [picture(PHOTO), picture((324, 242), RED, heic.crop(320, 240), of=[1])],
    "of two pictures": [picture(PHOTO), picture(SMALL, RED, of=[1, 3]), picture(PHOTO)],
    "beside a smaller one": [picture(PHOTO), picture((160, 120), of=[1]), picture(SMALL, RED, of=[1])],
    "beside a larger one": [picture(PHOTO), picture((480, 360), of=[1]), picture(SMALL, RED, of=[1])],
    "beside one of another shape": [picture(PHOTO), picture((280, 240), of=[1]), picture(SMALL, RED, of=[1])],
    "beside one that is turned otherwise": [
        picture(PHOTO),
        picture((300, 224), BLUE, rotation(1), of=[1]),
        picture(SMALL, RED, of=[1]),
    ],
}


@pytest.mark.parametrize("items", TAKEN.values(), ids=TAKEN)
def test_a_thumbnail_is_decoded_in_place_of_the_photo(items: list[avif.Item]) -> None:
    pixels, decoded = read(file(*items))
    assert decoded == "thumbnail"
    assert is_red(pixels)


REFUSED = {
    "too small": [picture(PHOTO), picture((296, 222), RED, of=[1])],
    "of another shape": [picture(PHOTO), picture((320, 256), RED, of=[1])],
    "1.1 % wider": [picture((1_000, 1_000)), picture((738, 730), RED, of=[1])],
    "1.1 % higher": [picture((1_000, 1_000)), picture((730, 738), RED, of=[1])],
    "larger than the photo": [picture(PHOTO), picture((800, 600), RED, of=[1])],
    "larger than any photo, it says": [picture(PHOTO), picture(SMALL, RED, of=[1], says=(65_535, 49_151))],
    "of cells that make up more than it says": [
        picture(PHOTO),
        avif.Item(avif.grid(2, 2, (65_535, 49_151)), SMALL, b"grid", {b"dimg": [3] * 4, b"thmb": [1]}),
        picture(SMALL, RED),
    ],
    "as large as the photo": [picture(PHOTO), picture(PHOTO, RED, of=[1])],
    "turned alone": [picture(PHOTO), picture(SMALL, RED, rotation(1), of=[1])],
    "not turned": [picture(PHOTO, BLUE, rotation(2)), picture(SMALL, RED, of=[1])],
    "turned the other way": [picture(PHOTO, BLUE, rotation(1)), picture(SMALL, RED, rotation(3), of=[1])],
    "mirrored alone": [picture(PHOTO), picture(SMALL, RED, mirror(1), of=[1])],
    "turned and mirrored the other way round": [
        picture(PHOTO, BLUE, rotation(1), mirror(0)),
        picture(SMALL, RED, mirror(0), rotation(1), of=[1]),
    ],
    "in other colours": [picture(PHOTO), picture(SMALL, RED, heic.code_points(*P3), of=[1])],
    "with another profile": [
        picture(PHOTO, BLUE, heic.code_points(*P3)),
        picture(SMALL, RED, heic.profile(DISPLAY_P3), of=[1]),
    ],
    "not HDR": [picture(PHOTO, BLUE, heic.code_points(*PQ)), picture(SMALL, RED, of=[1])],
    "HDR alone": [picture(PHOTO), picture(SMALL, RED, heic.code_points(*PQ), of=[1])],
    "grey": [picture(PHOTO), picture(SMALL, RED, of=[1], mode="L")],
    "of a transparent photo": [picture(PHOTO), picture(SMALL, RED, of=[1]), heic.alpha(PHOTO, of=1)],
    "cropped": [picture(PHOTO), picture((480, 360), RED, heic.crop(320, 240), of=[1])],
    "covering only with its padding": [picture(PHOTO), picture(SMALL, RED, heic.crop(296, 222), of=[1])],
    "of another shape without its padding": [
        picture(PHOTO),
        picture(SMALL, RED, heic.crop(290, 240), of=[1]),
    ],
    "of a cropped photo": [picture(PHOTO, BLUE, heic.crop(480, 360)), picture(SMALL, RED, of=[1])],
    "of another picture": [picture(PHOTO), picture(PHOTO), picture(SMALL, RED, of=[2])],
    "smaller than its header says": [picture(PHOTO), picture((64, 48), RED, of=[1], says=SMALL)],
    "larger than its header says": [picture(PHOTO), picture((1_280, 960), RED, of=[1], says=SMALL)],
    "broken": [picture(PHOTO), avif.Item(b"?" * 999, SMALL, b"hvc1", {b"thmb": [1]}, [heic.hevc(SMALL)[1]])],
    "of zeros": [
        picture(PHOTO),
        avif.Item(bytes(999), SMALL, b"hvc1", {b"thmb": [1]}, [heic.hevc(SMALL)[1]]),
    ],
    "of an unknown kind": [picture(PHOTO), avif.Item(b"?" * 999, SMALL, b"wxyz", {b"thmb": [1]})],
}


@pytest.mark.parametrize("items", REFUSED.values(), ids=REFUSED)
def test_a_photo_is_decoded_if_its_thumbnail_will_not_do(items: list[avif.Item]) -> None:
    data = file(*items)
    pixels, decoded = read(data)
    assert decoded == "photo"
    assert not is_red(pixels)
    assert np.array_equal(pixels, prepare(data, TARGET, MAX_PIXELS)[0])


@pytest.mark.parametrize("fit", ["crop", "pad", "squash"])
@pytest.mark.parametrize(
    ("height", "width", "covers"), [(240, 240, True), (242, 224, False), (224, 242, False)]
)
def test_it_must_cover_the_target_each_way(fit: str, height: int, width: int, covers: bool) -> None:
    target = Target(height, width, fit)  # type: ignore[arg-type] # one of the three
    decoded = read(file(picture(PHOTO), picture(SMALL, RED, of=[1])), target)[1]
    assert decoded == ("thumbnail" if covers else "photo")


def test_colours_are_those_of_the_photo_if_the_thumbnail_names_none() -> None:
    def shown(*properties: bytes) -> Pixels:
        items = picture(PHOTO, BLUE, heic.profile(DISPLAY_P3)), picture(SMALL, RED, *properties, of=[1])
        return read(file(*items))[0]

    assert np.array_equal(shown(), shown(heic.profile(DISPLAY_P3)))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("options", [{}, {"tile_size": 512}], ids=["whole", "cells"])
def test_a_thumbnail_shows_what_its_photo_shows(orientation: int, options: dict[str, int]) -> None:
    """As libheif writes it, from a picture with detail."""
    noise = np.random.default_rng(1).integers(0, 256, (15, 20, 3), np.uint8)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stream = io.BytesIO()
    Image.fromarray(noise).resize((1_280, 960), Image.Resampling.BICUBIC).save(
        stream, "HEIF", exif=exif, thumbnails=[320], enc_params={"preset": "ultrafast"}, **options
    )
    data = stream.getvalue()
    pixels, decoded = read(data)
    whole = prepare(data, TARGET, MAX_PIXELS)[0]
    assert decoded == "thumbnail"
    assert np.abs(pixels.astype(int) - whole).mean() < 4


def corners(size: tuple[int, int]) -> Image.Image:
    """A picture that shows which way up it is."""
    few = Image.new("RGB", (2, 2), BLUE)
    few.putpixel((0, 0), RED)
    few.putpixel((1, 0), (40, 200, 40))
    return few.resize(size, Image.Resampling.NEAREST)


@pytest.mark.parametrize("file_format", ["HEIC", "AVIF"])
@pytest.mark.parametrize("turned", [False, True], ids=["upright", "turned"])
@pytest.mark.parametrize("of", [[1], [2], [1, 2]], ids=["photo", "thumbnail", "both"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_exif_turns_neither_a_photo_nor_its_thumbnail(
    orientation: int, of: list[int], turned: bool, file_format: str
) -> None:
    """In these files properties of the items do, and readers leave EXIF alone."""
    properties = [rotation(1)] * turned
    items = list[avif.Item]()
    for size, references in ((PHOTO, dict[bytes, list[int]]()), (SMALL, {b"thmb": [1]})):
        if file_format == "AVIF":
            items.append(avif.Item(avif.code(corners(size)), size, b"av01", references, properties))
        else:
            content, settings = heic.code(corners(size))
            items.append(avif.Item(content, size, b"hvc1", references, [settings, *properties]))
    items.append(avif.exif(orientation, of))
    data = file(*items) if file_format == "HEIC" else avif.still(items)
    pixels, decoded = read(data)
    plain = np.asarray(
        corners((224, 224)).transpose(Image.Transpose.ROTATE_90) if turned else corners((224, 224))
    )
    assert decoded == "thumbnail"
    assert np.abs(pixels.astype(int) - plain).mean() < 4
    assert np.abs(prepare(data, TARGET, MAX_PIXELS)[0].astype(int) - plain).mean() < 4


def test_one_thumbnail_at_most_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = list[bytes]()

    def count(data: bytes, max_pixels: int) -> Image.Image:
        opened.append(data)
        return open_photo(data, max_pixels)

    monkeypatch.setattr(thumbnails, "open_photo", count)
    broken = avif.Item(b"?" * 99, SMALL, b"hvc1", {b"thmb": [1]}, [heic.hevc(SMALL)[1]])
    assert read(file(picture(PHOTO), *[broken] * 40))[1] == "photo"
    assert len(opened) == 1


@pytest.mark.parametrize(("number", "decoded"), [(100, "thumbnail"), (900, "photo")])
def test_a_flood_of_thumbnails_costs_the_thumbnail_and_not_the_photo(number: int, decoded: Picture) -> None:
    assert read(file(picture(PHOTO), *[picture(SMALL, RED, of=[1])] * number))[1] == decoded


def test_a_photo_may_be_asked_for() -> None:
    data = file(picture(PHOTO), picture(SMALL, RED, of=[1]))
    pixels, _, decoded = decode_cheapest(open_photo(data, MAX_PIXELS), data, TARGET, thumbnails=False)
    assert decoded == "photo"
    assert not is_red(pixels)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF"])
def test_formats_without_thumbnails_are_decoded(image_format: str) -> None:
    stream = io.BytesIO()
    Image.new("RGB", PHOTO, BLUE).save(stream, image_format)
    assert read(stream.getvalue())[1] == "photo"


@pytest.mark.parametrize("allowed", [PHOTO[0] * PHOTO[1] - 1, SMALL[0] * SMALL[1]])
@pytest.mark.parametrize("brand", [b"heic", b"avif"])
def test_a_photo_of_too_many_pixels_is_refused_though_its_thumbnail_has_few(
    allowed: int, brand: bytes
) -> None:
    photo, small = picture(PHOTO), picture(SMALL, RED, of=[1])
    if brand == b"avif":
        photo, small = (
            avif.Item(avif.av1(*PHOTO), PHOTO),
            avif.Item(avif.av1(*SMALL), SMALL, b"av01", {b"thmb": [1]}),
        )
    data = avif.still([photo, small], brand=brand)
    assert open_photo(data, PHOTO[0] * PHOTO[1])
    with pytest.raises(TooManyPixelsError, match="640 × 480"):
        open_photo(data, allowed)


# AVIF


@pytest.mark.parametrize(("turns", "same"), [((1, 1), True), ((1, 3), False), ((0, 1), False)])
def test_an_avif_with_a_thumbnail_is_no_different(turns: tuple[int, int], same: bool) -> None:
    photo = avif.Item(avif.av1(*PHOTO), PHOTO, properties=[rotation(turns[0])])
    small = avif.Item(avif.av1(*SMALL), SMALL, references={b"thmb": [1]}, properties=[rotation(turns[1])])
    assert read(avif.still([photo, small]))[1] == ("thumbnail" if same else "photo")


def test_an_avif_whose_thumbnail_is_larger_than_it_says_is_decoded() -> None:
    photo = avif.Item(avif.av1(*PHOTO), PHOTO)
    false = avif.Item(avif.av1(1_280, 960), SMALL, references={b"thmb": [1]})
    assert read(avif.still([photo, false]))[1] == "photo"


@pytest.mark.parametrize("says", [(1_280, 960), (16_000, 12_000), (65_535, 49_151), (2**32 - 1, 2**32 - 1)])
def test_an_avif_whose_thumbnail_would_be_scaled_to_more_pixels_than_the_photo_has_is_decoded(
    says: tuple[int, int],
) -> None:
    photo = avif.Item(avif.av1(*PHOTO), PHOTO)
    small = avif.Item(avif.av1(*SMALL), says, references={b"thmb": [1]})
    assert read(avif.still([photo, small]))[1] == "photo"


def test_an_avif_that_is_larger_than_it_says_is_refused_whatever_its_thumbnail_is() -> None:
    false = avif.Item(avif.av1(1_280, 960), PHOTO)
    small = avif.Item(avif.av1(*SMALL), SMALL, references={b"thmb": [1]})
    with pytest.raises(UnreadableImageError, match="640 × 480 pixels, the picture 1280 × 960"):
        read(avif.still([false, small]))
