"""Rebuilds the index of photos seen before from the buckets.

It can run beside workers, and as often as you like. Photos are entered in the order in which they
were stored, each with that time, so that the oldest one stays the original. Photos that the index
knows are left alone, so after an interruption it continues where it stopped; unless they are to be
read again, because a setting has changed how photos look.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from worker.decoders.decoder import PhotoDecoder
from worker.errors import MessageError, NotOursError, PhotoError
from worker.intake import events
from worker.intake.s3_uploads import Storage
from worker.messages import PhotoId, S3Object
from worker.results.look_alikes import Fingerprint

LOT = 200  # photos looked up, hashed and entered together


@dataclass(frozen=True, slots=True)
class StoredPhoto:
    """A photo in a bucket."""

    stored_at: datetime
    photo: PhotoId
    object: S3Object


class Buckets(Storage, Protocol):
    """Storage that can list its objects."""

    def list(self, bucket: str) -> Iterator[tuple[S3Object, datetime]]:
        """List every object and when it was stored. Raises StorageError."""


class Index(Protocol):
    """The index to rebuild. Its methods raise StoreError."""

    def read(self, photos: Sequence[PhotoId]) -> list[Fingerprint | None]:
        """Read what the index has of each photo. None also for one that lacks its colours."""

    def enter(self, photos: Sequence[tuple[PhotoId, Fingerprint, int]]) -> list[bool]:
        """Enter photos, each with its time of storage (Unix, microseconds). True for what is new."""


def find_photos(
    storage: Buckets, buckets: Iterable[str], image_id_pattern: re.Pattern[str], since: datetime
) -> list[StoredPhoto]:
    """Find the photos stored since a time, the oldest first. Raises StorageError."""
    photos = list[StoredPhoto]()
    for bucket in buckets:
        for s3_object, stored_at in storage.list(bucket):
            try:
                photo = events.photo_id(s3_object.key, image_id_pattern)
            except NotOursError:
                continue
            if stored_at >= since:
                photos.append(StoredPhoto(stored_at, photo, s3_object))
    return sorted(photos, key=lambda one: (one.stored_at, one.photo))


def rebuild(
    photos: Sequence[StoredPhoto],
    storage: Storage,
    index: Index,
    decoder: PhotoDecoder,
    *,
    threads: int,
    again: bool,
    tell: Callable[[int], None],
    complain: Callable[[str], None] = lambda _: None,
) -> Counter[str]:
    """Hash and enter photos. Count those entered, known, unreadable, and failed: try these again.

    `again`: hash those that the index knows, too; one that looks different now is entered
    anew. Calls `tell` with the number of photos done, and `complain` of each that was not read. Raises
    StoreError.
    """
    counts, pool = Counter[str](), ThreadPoolExecutor(threads)
    try:
        for start in range(0, len(photos), LOT):
            lot = photos[start : start + LOT]
            known = [None] * len(lot) if again else index.read([one.photo for one in lot])
            new = [
                one for one, known_as in zip(lot, known, strict=True) if not _is_current(known_as, decoder)
            ]
            counts["known"] += len(lot) - len(new)
            entries = list[tuple[PhotoId, Fingerprint, int]]()
            fingerprints = pool.map(lambda one: _fingerprint(one, storage, decoder), new)
            for one, fingerprint in zip(new, fingerprints, strict=True):
                if isinstance(fingerprint, Fingerprint):
                    entries.append((one.photo, fingerprint, int(one.stored_at.timestamp() * 1_000_000)))
                else:
                    what, why = fingerprint
                    counts[what] += 1
                    complain(f"s3://{one.object.bucket}/{one.object.key}: {what}: {why}")
                tell(counts.total() + len(entries))
            counts.update("entered" if is_new else "known" for is_new in index.enter(entries))
            tell(counts.total())
    finally:
        pool.shutdown(cancel_futures=True)
    return counts


def _is_current(fingerprint: Fingerprint | None, decoder: PhotoDecoder) -> bool:
    return fingerprint is not None and decoder.algorithm.made(fingerprint.image_hash)


def _fingerprint(one: StoredPhoto, storage: Storage, decoder: PhotoDecoder) -> Fingerprint | tuple[str, str]:
    """Fetch and hash a photo as a worker does. If that fails, return what to count it as, and why."""
    try:
        fetched = storage.fetch(one.object, decoder.max_bytes)
        look = decoder.decode(fetched.pieces, fetched.sha256).look
    except PhotoError as error:
        return "unreadable", str(error)
    except (MessageError, MemoryError) as error:
        return "failed", str(error)
    return Fingerprint(fetched.sha256 or "", *look)
