"""Queue, bucket and store without end, in memory: what is left of the worker's time is its own."""

import itertools
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from tests.bench.notifier import notification
from worker.messages import Fetched, Message, S3Object
from worker.result import DuplicateOf, Result
from worker.uploads import Refused

BUCKET = "photos"


class EndlessQueue:
    """Each receive brings as many new messages as asked for, with S3's bodies."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def receive(self, most: int) -> list[Message]:
        return [self._message(next(self._numbers)) for _ in range(most)]

    def delete(self, messages: Sequence[Message]) -> list[Refused]:
        return []

    def hide(self, messages: Sequence[tuple[Message, int]]) -> list[Refused]:
        return []

    def _message(self, number: int) -> Message:
        now = datetime.now(UTC)
        key = f"uploads/00000000-0000-4000-8000-{number:012x}.jpg"
        body = notification(S3Object(BUCKET, key, etag=str(number), size=1000), now)
        return Message(f"message-{number}", f"handle-{number}", body, 1, now, now, received=time.monotonic())


class MemoryPhotos:
    """The same few photos under whatever key."""

    def __init__(self, photos: list[bytes]) -> None:
        self._photos = photos

    def fetch(self, wanted: S3Object, max_bytes: int) -> Fetched:
        photo = self._photos[int(wanted.key[-9:-4], 16) % len(self._photos)]
        return Fetched(photo, etag=wanted.etag)


class CountingStore:
    """Makes each result the JSON that Redis would get, and forgets it."""

    def __init__(self) -> None:
        self.written = 0
        self.scored = 0
        self.hashes: set[str | None] = set()

    def find(self, image_ids: Sequence[str]) -> list[Result | None]:
        return [None] * len(image_ids)

    def claim_hashes(self, results: Sequence[Result]) -> list[DuplicateOf | None]:
        return [None] * len(results)

    def write(self, results: Sequence[Result], seen: Sequence[str]) -> list[str]:
        said = ["written" for result in results if result.model_dump_json()]
        self.scored += sum(result.status != "failed" for result in results)
        self.hashes.update(result.image_hash for result in results)
        self.written += len(said)
        return said
