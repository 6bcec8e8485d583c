"""Tests of rebuilding the index: which photos, in which order, and what happens to those that cannot be read."""

import hashlib
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np
from PIL import Image

from tests.support.fakes import START, InlineDecoder
from worker.errors import StorageError
from worker.messages import Fetched, PhotoId, S3Object
from worker.photos.decoding import Target
from worker.results.look_alikes import Fingerprint
from worker.settings import UUID_SEGMENT
from worker.upkeep.rehash import LOT, StoredPhoto, find_photos, rebuild

DECODER = InlineDecoder(Target(4, 4, "squash"))
DAY = timedelta(days=1)


def image_id(number: int) -> str:
    return f"{number:08d}-0000-4000-8000-000000000000"


def photo(number: int) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


class FakeBucket:
    """Photos by key, each with the day on which it was stored. An error instead of a photo is raised."""

    def __init__(self, photos: dict[str, tuple[int, bytes | StorageError]]) -> None:
        self.photos = photos
        self.fetched: list[str] = []

    def list(self, bucket: str) -> Iterator[tuple[S3Object, datetime]]:
        for key, (day, _) in self.photos.items():
            yield S3Object(bucket, key), START + day * DAY

    def fetch(self, s3_object: S3Object, max_bytes: int, alive: Callable[[], None] = lambda: None) -> Fetched:
        self.fetched.append(s3_object.key)
        data = self.photos[s3_object.key][1]
        if isinstance(data, StorageError):
            raise data
        return Fetched([data], sha256=hashlib.sha256(data).hexdigest())


class FakeIndex:
    """An index in memory."""

    def __init__(self) -> None:
        self.entered: list[tuple[PhotoId, Fingerprint, int]] = []
        self.known: dict[PhotoId, Fingerprint] = {}

    def read(self, photos: Sequence[PhotoId]) -> list[Fingerprint | None]:
        return [self.known.get(one) for one in photos]

    def enter(self, photos: Sequence[tuple[PhotoId, Fingerprint, int]]) -> list[bool]:
        self.entered += photos
        self.known |= {one: fingerprint for one, fingerprint, _ in photos}
        return [True] * len(photos)


def find(bucket: FakeBucket) -> list[StoredPhoto]:
    return find_photos(bucket, ["photos"], re.compile(UUID_SEGMENT), START)


def rebuild_all(
    bucket: FakeBucket,
    index: FakeIndex,
    tell: Callable[[int], None] = lambda _: None,
    *,
    again: bool = False,
    complain: Callable[[str], None] = lambda _: None,
) -> Counter[str]:
    return rebuild(find(bucket), bucket, index, DECODER, threads=2, again=again, tell=tell, complain=complain)


def test_the_oldest_photo_comes_first_and_too_old_ones_and_other_objects_are_left_out() -> None:
    keys = {image_id(1): 5, image_id(2): 3, image_id(3): -1, "exports/today.csv": 4}
    keys[f"a/{image_id(4)}.jpg"] = 3
    photos = find(FakeBucket({key: (day, b"") for key, day in keys.items()}))
    assert [one.photo.image_id for one in photos] == [image_id(2), image_id(4), image_id(1)]


def test_each_photo_is_entered_with_its_bytes_hash_and_time() -> None:
    bucket, index, told = FakeBucket({image_id(n): (n, photo(n)) for n in range(3)}), FakeIndex(), list[int]()
    assert rebuild_all(bucket, index, told.append) == {"entered": 3, "known": 0}
    photos, fingerprints, moments = zip(*index.entered, strict=True)
    assert [one.image_id for one in photos] == [image_id(n) for n in range(3)]
    assert [one.sha256 for one in fingerprints] == [hashlib.sha256(photo(n)).hexdigest() for n in range(3)]
    assert all((one.image_hash or "").startswith("phash-1:") for one in fingerprints)
    assert list(moments) == [int((START + n * DAY).timestamp() * 1e6) for n in range(3)]
    assert told == sorted(told)
    assert told[-1] == 3


def test_a_known_photo_is_not_fetched_unless_its_hash_is_of_another_algorithm() -> None:
    bucket, index = FakeBucket({image_id(n): (n, photo(n)) for n in range(2)}), FakeIndex()
    index.known = {
        PhotoId(image_id(0)): Fingerprint("ab", "phash-1:0000000000000000"),
        PhotoId(image_id(1)): Fingerprint("ab", "phash-0:0000000000000000"),
    }
    assert rebuild_all(bucket, index) == {"known": 1, "entered": 1}
    assert bucket.fetched == [image_id(1)]


def test_a_known_photo_is_fetched_again_if_asked_for() -> None:
    bucket, index = FakeBucket({image_id(0): (0, photo(0))}), FakeIndex()
    index.known = {PhotoId(image_id(0)): Fingerprint("ab", "phash-1:0000000000000000")}
    assert rebuild_all(bucket, index, again=True) == {"entered": 1, "known": 0}
    assert bucket.fetched == [image_id(0)]


def test_photos_that_cannot_be_read_are_named_and_do_not_stop_the_others() -> None:
    away, told = StorageError("503"), list[str]()
    bucket = FakeBucket({image_id(0): (0, away), image_id(1): (1, b"text"), image_id(2): (2, photo(2))})
    counts = rebuild_all(bucket, FakeIndex(), complain=told.append)
    assert counts == {"failed": 1, "unreadable": 1, "entered": 1, "known": 0}
    assert told[0] == f"s3://photos/{image_id(0)}: failed: 503"
    assert told[1].startswith(f"s3://photos/{image_id(1)}: unreadable: not an image")
    assert len(told) == 2


def test_more_photos_than_one_lot_are_all_entered() -> None:
    count = LOT + 3
    bucket, index = FakeBucket({image_id(n): (n, photo(1)) for n in range(count)}), FakeIndex()
    assert rebuild_all(bucket, index)["entered"] == count
    assert len(index.entered) == count
