"""Colours beside the hash: what they say, what they tell apart, and what leaves them alike."""

import io

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageDraw

from tests.support.colours import turn_hue
from tests.support.photos import COFFEE, SAMPLES
from worker.photos import looks
from worker.photos.decoding import Target, prepare
from worker.photos.hashes import PHASH
from worker.photos.looks import COLOURS, Look, are_alike, colours, look, packed

TARGET = Target(224, 224, "crop")
TOMATO, PEA = (190, 52, 30), (96, 120, 40)


def soup(colour: tuple[int, int, int]) -> Image.Image:
    """A soup in a white plate on a wooden table, with a spoon."""
    image = Image.new("RGB", (640, 480), (150, 110, 80))
    draw = ImageDraw.Draw(image)
    draw.ellipse((120, 40, 520, 440), fill="white")
    draw.ellipse((180, 100, 460, 380), fill=colour)
    draw.line((400, 460, 620, 60), fill="silver", width=24)
    return image


def with_luminance_of(image: Image.Image, other: Image.Image) -> Image.Image:
    """The colours of one picture with the luminance of another."""
    return Image.merge(
        "YCbCr", [other.convert("YCbCr").getchannel(0), *image.convert("YCbCr").split()[1:]]
    ).convert("RGB")


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def look_of(image: Image.Image, quality: int = 90) -> Look:
    return prepare(jpeg(image, quality), TARGET, 10**8)[1]


# what they tell apart


def test_two_soups_have_one_hash_and_two_looks() -> None:
    tomato = soup(TOMATO)
    one, other = look_of(tomato), look_of(with_luminance_of(soup(PEA), tomato))
    assert one.image_hash == other.image_hash is not None
    assert not are_alike(one.image_colours, other.image_colours)


@pytest.mark.parametrize("name", ["coffee.png", "croissant.jpg", "coffee-cups.jpg"])
@pytest.mark.parametrize("degrees", [45, 90, 120, 180, -120])
def test_a_photo_whose_hue_was_turned_has_other_colours(name: str, degrees: int) -> None:
    with Image.open(SAMPLES / name) as image:
        photo = image.convert("RGB")
    assert not are_alike(colours(photo), colours(turn_hue(photo, degrees)))


@pytest.mark.parametrize("middle", [0.5, 0.7])
def test_other_colours_in_the_middle_are_enough(middle: float) -> None:
    with Image.open(COFFEE) as image:
        photo = image.convert("RGB")
    assert not are_alike(colours(photo), colours(turn_hue(photo, 120, middle)))


# what leaves them alike


@pytest.mark.parametrize("name", ["coffee.png", "croissant.jpg", "coffee-cups.jpg"])
@pytest.mark.parametrize(
    "gains", [(1, 1, 1), (0.9, 0.9, 0.9), (1.1, 1.1, 1.1), (1.04, 1, 0.96), (0.96, 1, 1.04)]
)
def test_compression_size_brightness_and_white_balance_leave_them_alike(
    name: str, gains: tuple[float, float, float]
) -> None:
    with Image.open(SAMPLES / name) as image:
        photo = image.convert("RGB")
    pixels = np.asarray(photo.resize((photo.width // 2, photo.height // 2))) * np.array(gains)
    changed = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    assert are_alike(look_of(photo).image_colours, look_of(changed, quality=40).image_colours)


# what they say


def test_changed_colours_need_a_new_version() -> None:
    """Otherwise old and new colours would be compared, and say nothing about one another."""
    stripes = Image.new("RGB", (64, 64))
    for number, colour in enumerate(("red", "gold", "teal", "navy")):
        stripes.paste(colour, (16 * number, 0, 16 * number + 16, 64))
    assert colours(stripes) == "lab-1:" + "ff8f37f0" * 4
    assert (looks.LABEL, looks.VERSION) == ("lab-1", 1)


def test_a_grey_photo_has_the_middle_of_every_scale() -> None:
    assert colours(Image.new("RGB", (30, 20), "grey")) == "lab-1:" + "88" * 16


def test_a_photo_without_content_has_no_look() -> None:
    assert look(Image.new("RGB", (300, 200), "red"), PHASH) == Look(None, None)


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))))
def test_any_photo_has_colours_and_they_are_alike_to_themselves(pixels: npt.NDArray[np.uint8]) -> None:
    told = colours(Image.fromarray(pixels))
    assert COLOURS.fullmatch(told)
    assert are_alike(told, told)


@pytest.mark.parametrize(
    "other",
    [
        None,
        "",
        "lab-1:",
        "lab-2:" + "88" * 16,
        "lab-1:" + "88" * 15,
        "lab-1:" + "8x" * 16,
        "lab-1" + "8" * 33,
    ],
)
def test_colours_that_are_unknown_are_not_alike(other: str | None) -> None:
    grey = "lab-1:" + "88" * 16
    assert packed(other) == b""
    assert not are_alike(grey, other)
    assert not are_alike(other, grey)
    assert not are_alike(other, other)
