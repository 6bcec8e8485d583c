"""The index rebuilt: which photos, in which order, and what becomes of those that cannot be had."""

import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np
from PIL import Image

from tests.support.fakes import START
from worker.errors import StorageError
from worker.messages import Fetched, PhotoId, S3Object
from worker.photos.decoder import Decoder
from worker.photos.decoding import Target
from worker.results.look_alikes import Seen
from worker.settings import UUID_SEGMENT
from worker.upkeep.rehash import LOT, listed, rebuild

DECODER = Decoder(Target(4, 4, "squash"), max_bytes=10_000, max_pixels=1_000, at_once=1)
DAY = timedelta(days=1)


def image_id(number: int) -> str:
    return f"{number:08d}-0000-4000-8000-000000000000"


def photo(number: int) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


class Shelf:
    """A bucket of photos by key, each with the day on which it was stored; an error is raised instead of given."""

    def __init__(self, photos: dict[str, tuple[int, bytes | StorageError]]) -> None:
        self.photos = photos
        self.fetched: list[str] = []

    def list(self, bucket: str) -> Iterator[tuple[S3Object, datetime]]:
        for key, (day, _) in self.photos.items():
            yield S3Object(bucket, key), START + day * DAY

    def fetch(self, wanted: S3Object, max_bytes: int) -> Fetched:
        self.fetched.append(wanted.key)
        data = self.photos[wanted.key][1]
        if isinstance(data, StorageError):
            raise data
        return Fetched(data, sha256=hashlib.sha256(data).hexdigest())


class Notes:
    """An index that notes what it is given."""

    def __init__(self) -> None:
        self.entered: list[tuple[PhotoId, Seen, int]] = []
        self.has: dict[PhotoId, Seen] = {}

    def known(self, photos: Sequence[PhotoId]) -> list[Seen | None]:
        return [self.has.get(one) for one in photos]

    def enter(self, stored: Sequence[tuple[PhotoId, Seen, int]]) -> list[bool]:
        self.entered += stored
        self.has |= {one: seen for one, seen, _ in stored}
        return [True] * len(stored)


def found(shelf: Shelf, since: datetime = START) -> list[str]:
    return [one.photo.image_id for one in listed(shelf, ["photos"], re.compile(UUID_SEGMENT), since)]


def test_the_oldest_comes_first_and_what_is_too_old_or_no_photo_not_at_all() -> None:
    keys = {
        image_id(1): 5,
        image_id(2): 3,
        image_id(3): -1,
        "exports/today.csv": 4,
        f"a/{image_id(4)}.jpg": 3,
    }
    assert found(Shelf({key: (day, b"") for key, day in keys.items()})) == [
        image_id(2),
        image_id(4),
        image_id(1),
    ]


def test_each_photo_is_entered_with_its_bytes_hash_and_time() -> None:
    shelf, index, told = Shelf({image_id(n): (n, photo(n)) for n in range(3)}), Notes(), list[int]()
    wanted = listed(shelf, ["photos"], re.compile(UUID_SEGMENT), START)
    counts = rebuild(wanted, shelf, index, DECODER, threads=2, tell=told.append)
    assert counts == {"entered": 3, "known": 0}
    assert [one.image_id for one, _, _ in index.entered] == [image_id(n) for n in range(3)]
    assert [seen.sha256 for _, seen, _ in index.entered] == [
        hashlib.sha256(photo(n)).hexdigest() for n in range(3)
    ]
    assert all((seen.image_hash or "").startswith("phash-1:") for _, seen, _ in index.entered)
    assert [moment for *_, moment in index.entered] == [
        int((START + n * DAY).timestamp() * 1e6) for n in range(3)
    ]
    assert told == sorted(told)
    assert told[-1] == 3


def test_what_the_index_has_is_not_fetched_unless_its_hash_is_of_another_algorithm() -> None:
    shelf, index = Shelf({image_id(n): (n, photo(n)) for n in range(2)}), Notes()
    index.has = {
        PhotoId(image_id(0)): Seen("ab", "phash-1:0000000000000000"),
        PhotoId(image_id(1)): Seen("ab", "phash-0:0000000000000000"),
    }
    wanted = listed(shelf, ["photos"], re.compile(UUID_SEGMENT), START)
    assert rebuild(wanted, shelf, index, DECODER, threads=2, tell=lambda _: None) == {
        "known": 1,
        "entered": 1,
    }
    assert shelf.fetched == [image_id(1)]


def test_photos_that_cannot_be_had_are_counted_and_keep_no_other_back() -> None:
    away = StorageError("503")
    shelf = Shelf({image_id(0): (0, away), image_id(1): (1, b"text"), image_id(2): (2, photo(2))})
    wanted = listed(shelf, ["photos"], re.compile(UUID_SEGMENT), START)
    counts = rebuild(wanted, shelf, Notes(), DECODER, threads=2, tell=lambda _: None)
    assert counts == {"failed": 1, "unreadable": 1, "entered": 1, "known": 0}


def test_more_photos_than_are_taken_at_once_are_all_entered() -> None:
    count = LOT + 3
    shelf, index = Shelf({image_id(n): (n, photo(1)) for n in range(count)}), Notes()
    wanted = listed(shelf, ["photos"], re.compile(UUID_SEGMENT), START)
    assert rebuild(wanted, shelf, index, DECODER, threads=4, tell=lambda _: None)["entered"] == count
    assert len(index.entered) == count
