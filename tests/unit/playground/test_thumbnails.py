"""Thumbnails of all formats that phones send, and none of what cannot or must not be decoded."""

import asyncio
import io
from collections.abc import Iterator
from contextlib import closing

import pytest
from PIL import Image

from localstack.playground.photos import samples
from localstack.playground.photos.photo import Photo
from localstack.playground.photos.thumbnails import MOST_BYTES, MOST_KEPT, SIDE, TARGET, Kept, Thumbnails
from tests.support import photos
from worker.decoders.decoder import Decoder
from worker.decoders.nursery import Nursery
from worker.errors import StorageError
from worker.messages import Fetched, S3Object
from worker.telemetry.counters import Telemetry

MAX_BYTES = 1_000_000


class Shelf:
    """Keeps one object, or fails."""

    def __init__(self, data: bytes | None) -> None:
        self.data = data

    def fetch(self, photo: S3Object, max_bytes: int) -> Fetched:
        if self.data is None:
            raise StorageError("S3 does not answer")
        assert max_bytes == MAX_BYTES
        return Fetched([self.data])


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    made = Decoder(
        Nursery("phash"),
        TARGET,
        max_bytes=MAX_BYTES,
        max_pixels=100_000_000,
        at_once=1,
        timeout=30.0,
        telemetry=Telemetry(),
    )
    with closing(made):
        yield made


def photo(number: int = 1, *, stored: bool = False, shown: bool = True) -> Photo:
    made = Photo(f"photo {number}", number, "http", "a photo", shows_thumbnail=shown)
    made.object = S3Object("photos", "uploads/a photo") if stored else None
    return made


def thumbnail(decoder: Decoder, data: bytes) -> bytes | None:
    kept = Kept()
    kept.keep(photo(), data)
    return asyncio.run(Thumbnails(decoder, Shelf(None), kept).make(photo()))  # type: ignore[arg-type] # it only fetches


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF"])
def test_each_format_has_a_small_jpeg(image_format: str, decoder: Decoder) -> None:
    made = thumbnail(decoder, photos.coffee(image_format))
    assert made is not None
    image = Image.open(io.BytesIO(made))
    assert (image.format, image.size) == ("JPEG", (SIDE, SIDE))


@pytest.mark.parametrize(
    "data",
    [samples.bomb(), samples.truncated(photos.coffee()), b"<svg onload='alert(1)'/>", photos.huge_heic()],
    ids=["bomb", "truncated", "svg", "huge HEIC"],
)
def test_what_cannot_be_shown_has_none(data: bytes, decoder: Decoder) -> None:
    assert thumbnail(decoder, data) is None


@pytest.mark.parametrize("data", [photos.coffee(), None])
def test_a_photo_of_the_queue_is_read_from_s3_if_that_answers(data: bytes | None, decoder: Decoder) -> None:
    thumbnails = Thumbnails(decoder, Shelf(data), Kept())  # type: ignore[arg-type] # it only fetches
    made = asyncio.run(thumbnails.make(photo(stored=True)))
    assert (made is not None) == (data is not None)


def test_a_photo_that_nobody_has_any_more_has_none(decoder: Decoder) -> None:
    assert asyncio.run(Thumbnails(decoder, Shelf(b"never read"), Kept()).make(photo())) is None  # type: ignore[arg-type] # it only fetches


def test_the_newest_photos_are_kept_within_bounds_of_number_and_size() -> None:
    kept = Kept()
    sent = [photo(number) for number in range(MOST_KEPT + 1)]
    for one in sent:
        kept.keep(one, b"x")
    assert [one.shows_thumbnail for one in sent] == [False] + [True] * MOST_KEPT
    kept.keep(photo(1000, shown=False), b"x")
    assert [kept.find(f"photo {number}") for number in (0, 1, MOST_KEPT, 1000)] == [None, b"x", b"x", None]
    kept.keep(photo(2000), b"x" * (MOST_BYTES - 1))
    assert kept.find("photo 2000")
    assert kept.find(f"photo {MOST_KEPT}") == b"x"
    assert kept.find(f"photo {MOST_KEPT - 1}") is None
