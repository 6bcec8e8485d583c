"""SQS, S3 and Redis as they would be if they took no time: everything lies in this process's memory."""

import itertools
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Sequence
from datetime import UTC, datetime

from bench.latency.notifier import notification
from worker.intake.s3_uploads import Refused
from worker.messages import Answer, Fetched, Message, PhotoId, S3Object, Written
from worker.result import Result

BUCKET = "photos"
POLL = 1.0  # seconds that a receive waits


def announcement(number: int) -> str:
    """Give the message body that S3 would send for a photo with an id of its own."""
    stored = S3Object(BUCKET, f"uploads/{uuid.uuid4()}.jpg", etag=f"{number:032x}", size=50_000)
    return notification(stored, datetime.now(UTC))


class MemoryQueue:
    """A queue in the way of SQS that never fails and never shows a message twice."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[str] = deque()
        self._received = itertools.count()
        self.open = 0  # messages that are not deleted yet

    def send(self, bodies: Sequence[str]) -> None:
        """Let these be received."""
        with self._changed:
            self._waiting.extend(bodies)
            self.open += len(bodies)
            self._changed.notify_all()

    def all_deleted(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds until every message is deleted; whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: self.open == 0, timeout)

    def receive(self, most: int) -> list[Message]:
        """Wait for 1 … `most` messages."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting), POLL)
            bodies = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        return [message(body, next(self._received)) for body in bodies]

    def delete(self, messages: Sequence[Message]) -> list[Refused]:
        """Delete them, and wake whoever waits for the last."""
        with self._changed:
            self.open -= len(messages)
            if self.open == 0:
                self._changed.notify_all()
        return []

    def hide(self, messages: Sequence[tuple[Message, int]]) -> list[Refused]:
        """Leave them as they are: nobody else receives from here."""
        return []


class EndlessQueue:
    """A queue of which each receive brings as many new messages as asked for."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def receive(self, most: int) -> list[Message]:
        """Announce so many photos."""
        numbers = [next(self._numbers) for _ in range(most)]
        return [message(announcement(number), number) for number in numbers]

    def delete(self, messages: Sequence[Message]) -> list[Refused]:
        """Forget them."""
        return []

    def hide(self, messages: Sequence[tuple[Message, int]]) -> list[Refused]:
        """Leave them as they are."""
        return []


def message(body: str, number: int) -> Message:
    """Give a message as it was received just now."""
    name, now = f"message-{number}", datetime.now(UTC)
    return Message(name, name, body, 1, now, now, time.monotonic())


class MemoryPhotos:
    """Storage that gives one of its photos after the other, whatever the key."""

    def __init__(self) -> None:
        self._next: itertools.cycle[bytes] = itertools.cycle([b""])

    def hold(self, photos: Sequence[bytes]) -> None:
        """Give these from now on."""
        self._next = itertools.cycle(photos)

    def fetch(self, wanted: S3Object, max_bytes: int) -> Fetched:
        """Give the next one."""
        return Fetched(next(self._next), etag=wanted.etag)


class CountingStore:
    """Takes results as Redis's client does, up to their JSON, and keeps nothing of them but counts and hashes."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.hashes: set[str | None] = set()
        self.last = 0.0  # monotonic seconds of the last write

    @property
    def written(self) -> int:
        """How many results so far."""
        return self.statuses.total()

    def find(self, photos: Sequence[PhotoId]) -> list[Result | None]:
        """Know none."""
        return [None] * len(photos)

    def find_original(self, photo: PhotoId, sha256: str) -> Result | None:
        """Know no other photo."""

    def find_look_alike(self, photo: PhotoId, image_hash: str) -> Result | None:
        """Know no other photo."""

    def write(self, results: Sequence[Result], seen: Sequence[str]) -> list[Written]:
        """Serialise and count."""
        for result in results:
            result.model_dump_json()
        self.hashes.update(result.image_hash for result in results)
        self.statuses.update(result.status for result in results)
        self.last = time.monotonic()
        return [Written(Answer.WRITTEN)] * len(results)
