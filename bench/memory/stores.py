"""Storage and a result store in memory."""

import itertools
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from worker.messages import Answer, Fetched, PhotoId, S3Object, Written
from worker.photos.looks import Look
from worker.result import Result
from worker.results.store import Tries


class MemoryPhotos:
    """Storage that returns its photos in turn, whatever the key."""

    def __init__(self, photos: Sequence[bytes] = (b"",)) -> None:
        self.hold(photos)

    def hold(self, photos: Sequence[bytes]) -> None:
        """Return these photos from now on."""
        self._next = itertools.cycle(photos)

    def fetch(self, s3_object: S3Object, max_bytes: int, alive: Callable[[], None] = lambda: None) -> Fetched:
        """Return the next photo."""
        return Fetched([next(self._next)], etag=s3_object.etag)


class CountingStore:
    """Serialises results as Redis's client does, and keeps only counts and hashes of them."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.hashes: set[str | None] = set()
        self.last = 0.0  # monotonic time of the last write

    @property
    def written(self) -> int:
        """How many results it has got so far."""
        return self.statuses.total()

    def find(self, photos: Sequence[PhotoId]) -> list[Result | None]:
        """Find no result."""
        return [None] * len(photos)

    def find_original(self, photo: PhotoId, sha256: str) -> Result | None:
        """Find no other photo."""

    def find_look_alike(self, photo: PhotoId, look: Look) -> Result | None:
        """Find no other photo."""

    def note_order(self, photo: PhotoId, s3_object: S3Object) -> bool:
        """Note nothing."""
        return True

    def begin_trial(self, message_id: str) -> None:
        """Note nothing."""

    def note_survived(self, message_ids: Sequence[str]) -> None:
        """Note nothing."""

    def tries(self, message_ids: Sequence[str]) -> list[Tries]:
        """Know of no tries."""
        return [Tries()] * len(message_ids)

    def write(
        self, results: Sequence[Result], seen: Sequence[str], begun: Sequence[datetime | None] = ()
    ) -> list[Written]:
        """Serialise and count results."""
        for result in results:
            result.model_dump_json()
        self.hashes.update(result.image_hash for result in results)
        self.statuses.update(result.status for result in results)
        self.last = time.monotonic()
        return [Written(Answer.WRITTEN)] * len(results)
