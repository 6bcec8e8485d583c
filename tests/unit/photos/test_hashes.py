"""Perceptual hashes: what each algorithm says, which photos have none, and that a change of recipe is noticed."""

import io
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import imagehash
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.support.photos import NOT_FOOD, SAMPLES
from worker.errors import ConfigurationError
from worker.photos import decoding, hashes
from worker.photos.decoding import Target
from worker.photos.hashes import ALGORITHMS, CONTENT, DHASH, PDQ, PHASH, WHASH, Algorithm

SIZE = 224
TARGET = Target(SIZE, SIZE, "crop")
PHOTOS = [*sorted(path for path in SAMPLES.iterdir() if path.suffix != ".md"), NOT_FOOD]
Pixels = npt.NDArray[np.float64]  # [SIZE, SIZE], 0 … 255


def pattern() -> Image.Image:
    """A picture that no library draws, the same for ever."""
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    red, green = (x * 7 + y * 3) % 256, (x * y) // SIZE % 256
    blue = np.where((x - 80) ** 2 + (y - 120) ** 2 < 3000, 230, 40)
    return Image.fromarray(np.stack([red, green, blue], axis=2).astype(np.uint8))


def photo_of(grey: Pixels, quality: int = 90) -> bytes:
    """As a camera would store it."""
    stream = io.BytesIO()
    Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).convert("RGB").save(
        stream, "JPEG", quality=quality
    )
    return stream.getvalue()


def hash_of(data: bytes) -> str | None:
    return decoding.prepare(data, TARGET, 10**8)[1].image_hash


# what they say


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        (PHASH, "phash-1:807f3f49d1028a7f"),
        (DHASH, "dhash-1:697ee7f3f3f7ffff"),
        (WHASH, "whash-1:0000033f7f3f3f1f"),
    ],
)
def test_a_changed_hash_needs_a_new_version(algorithm: Algorithm, expected: str) -> None:
    """Otherwise old and new hashes would be compared, and say nothing about one another."""
    assert algorithm(pattern()) == expected


@pytest.mark.parametrize(
    ("algorithm", "original"), [(PHASH, imagehash.phash), (DHASH, imagehash.dhash), (WHASH, imagehash.whash)]
)
def test_a_small_pictures_hash_is_imagehashs(
    algorithm: Algorithm, original: Callable[[Image.Image], imagehash.ImageHash]
) -> None:
    small = pattern().resize((hashes.SIDE, hashes.SIDE), Image.Resampling.LANCZOS)
    assert algorithm(small) == f"{algorithm.label}:{original(small.convert('L'))}"


@pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=lambda one: one.name)
def test_the_name_says_algorithm_version_and_bits(algorithm: Algorithm) -> None:
    if algorithm is PDQ:
        pytest.importorskip("pdqhash", reason="the extra `pdq` is not installed")
    label, _, digits = str(algorithm(pattern())).partition(":")
    assert label == f"{algorithm.name}-{algorithm.version}"
    assert len(digits) * 4 == algorithm.bits
    assert replace(algorithm, version=2).label == f"{algorithm.name}-2"


def test_pdq_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pdqhash", None)
    with pytest.raises(ConfigurationError, match="optional extra `pdq`"):
        hashes.find("pdq")


@pytest.mark.parametrize("name", ["phash", "dhash", "whash"])
def test_the_other_hashes_need_no_extra(name: str) -> None:
    assert hashes.find(name).name == name


# which photos have content


@pytest.mark.parametrize("path", PHOTOS, ids=lambda path: path.name)
def test_photos_have_content(path: Path) -> None:
    assert hash_of(path.read_bytes()) is not None


def centre(sigma: float, base: float) -> Pixels:
    return np.random.default_rng(3).normal(base, sigma, (SIZE, SIZE))


def white_with_specks() -> Pixels:
    """Overexposed, but for a few specks."""
    grey, places = np.full((SIZE, SIZE), 255.0), np.random.default_rng(3).integers(0, SIZE - 4, (12, 2))
    for y, x in places:
        grey[y : y + 2, x : x + 2] = 60
    return grey


SLOPE = np.linspace(0, 255, SIZE)
EMPTY = {
    "black": np.zeros((SIZE, SIZE)),
    "white": np.full((SIZE, SIZE), 255.0),
    "black with noise": centre(4, 5),
    "dark with much noise": centre(15, 20),
    "overexposed with noise": centre(6, 254),
    "overexposed with specks": white_with_specks(),
    "grey with noise": centre(10, 128),
    "a gradient": np.tile(SLOPE, (SIZE, 1)),
    "a gradient across": (SLOPE + SLOPE[:, None]) / 2,
    "a horizon": np.where(np.arange(SIZE)[:, None] < SIZE // 3, 220.0, 90.0) * np.ones((1, SIZE)),
}


@pytest.mark.parametrize("name", EMPTY)
@pytest.mark.parametrize("quality", [50, 90])
def test_photos_without_content_have_no_hash(name: str, quality: int) -> None:
    assert hash_of(photo_of(EMPTY[name], quality)) is None


@given(
    level=st.integers(0, 255), sigma=st.floats(0, 12), seed=st.integers(0, 2**32), quality=st.integers(30, 95)
)
def test_noise_on_a_flat_photo_is_no_content(level: int, sigma: float, seed: int, quality: int) -> None:
    noise = np.random.default_rng(seed).normal(level, sigma, (SIZE, SIZE))
    assert hash_of(photo_of(noise, quality)) is None


@given(contrast=st.floats(0.3, 1.0), shift=st.integers(-60, 60))
def test_a_dull_or_dark_photo_still_has_content(contrast: float, shift: int) -> None:
    with Image.open(SAMPLES / "croissant.jpg") as image:
        grey = np.asarray(image.convert("L").resize((SIZE, SIZE)), np.float64)
    assert hash_of(photo_of((grey - 128) * contrast + 128 + shift)) is not None


def test_content_is_measured_in_steps_of_luminance() -> None:
    luminance = np.asarray(pattern().convert("L").resize((hashes.SIDE, hashes.SIDE)))
    half = ((luminance.astype(np.float64) - 128) / 2 + 128).astype(np.uint8)
    assert hashes.content(luminance) > CONTENT
    assert hashes.content(half) == pytest.approx(hashes.content(luminance) / 2, rel=0.1)
