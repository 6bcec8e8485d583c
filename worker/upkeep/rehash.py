"""Rebuilds the index of photos seen before from what lies in the buckets; beside workers, and as often as one likes.

Photos are entered in the order in which they were stored, each with that time, so that the oldest stays the original.
What the index has already is left alone: after an interruption it goes on where it was.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from worker.errors import MessageError, NotOursError, PhotoError
from worker.intake import events
from worker.messages import Fetched, PhotoId, S3Object
from worker.photos.decoder import Decoder
from worker.results.look_alikes import Seen

LOT = 200  # photos looked up, hashed and entered together

Tell = Callable[[int], None]  # is told how many photos are done


@dataclass(frozen=True, slots=True)
class Listed:
    """An object of a bucket that is a photo."""

    stored_at: datetime
    photo: PhotoId
    object: S3Object


class Photos(Protocol):
    """Where they lie; every method raises StorageError."""

    def list(self, bucket: str) -> Iterator[tuple[S3Object, datetime]]:
        """Every object, and when it was stored."""
        ...

    def fetch(self, wanted: S3Object, max_bytes: int) -> Fetched:
        """Read an object; raises PhotoError too."""
        ...


class Index(Protocol):
    """What is to be rebuilt; every method raises StoreError."""

    def known(self, photos: Sequence[PhotoId]) -> list[Seen | None]:
        """Give what the index has of each photo."""
        ...

    def enter(self, stored: Sequence[tuple[PhotoId, Seen, int]]) -> list[bool]:
        """Take photos in, each with when it was stored (Unix time in microseconds); which were new."""
        ...


def listed(photos: Photos, buckets: Iterable[str], pattern: re.Pattern[str], since: datetime) -> list[Listed]:
    """Find the photos that were stored since then, the oldest first."""
    found = list[Listed]()
    for bucket in buckets:
        for stored, stored_at in photos.list(bucket):
            try:
                photo = events.photo_id(stored.key, pattern)
            except NotOursError:
                continue
            if stored_at >= since:
                found.append(Listed(stored_at, photo, stored))
    return sorted(found, key=lambda one: (one.stored_at, one.photo))


def rebuild(
    wanted: Sequence[Listed], photos: Photos, index: Index, decoder: Decoder, *, threads: int, tell: Tell
) -> Counter[str]:
    """Hash and enter these photos; how many were entered, known, unreadable, or failed and may be tried again.

    Raises StoreError.
    """
    counts, pool = Counter[str](), ThreadPoolExecutor(threads)
    try:
        for start in range(0, len(wanted), LOT):
            lot = wanted[start : start + LOT]
            known = index.known([one.photo for one in lot])
            new = [one for one, seen in zip(lot, known, strict=True) if not _is_current(seen, decoder)]
            counts["known"] += len(lot) - len(new)
            found = list[tuple[PhotoId, Seen, int]]()
            for one, seen in zip(new, pool.map(lambda one: _seen(one, photos, decoder), new), strict=True):
                if isinstance(seen, Seen):
                    found.append((one.photo, seen, int(one.stored_at.timestamp() * 1_000_000)))
                else:
                    counts[seen] += 1
                tell(counts.total() + len(found))
            counts.update("entered" if fresh else "known" for fresh in index.enter(found))
            tell(counts.total())
    finally:
        pool.shutdown(cancel_futures=True)
    return counts


def _is_current(seen: Seen | None, decoder: Decoder) -> bool:
    return seen is not None and (seen.image_hash or "").startswith(f"{decoder.algorithm.label}:")


def _seen(one: Listed, photos: Photos, decoder: Decoder) -> Seen | str:
    """Fetch and hash, as a worker's helper does; or why that is not possible."""
    try:
        fetched = photos.fetch(one.object, decoder.max_bytes)
        image_hash = decoder.decode(fetched.data).image_hash
    except PhotoError:
        return "unreadable"
    except (MessageError, MemoryError):
        return "failed"
    return Seen(fetched.sha256 or "", image_hash)
