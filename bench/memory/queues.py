"""Queues in memory, and the messages in them."""

import itertools
import threading
import time
import uuid
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime

from bench.latency.notifier import notification
from worker.intake.queue_calls import Refused
from worker.messages import Message, S3Object

BUCKET = "photos"
POLL = 1.0  # seconds that a receive waits


def announcement(number: int) -> str:
    """Make the message body that S3 would send for a photo with a new id."""
    stored = S3Object(BUCKET, f"uploads/{uuid.uuid4()}.jpg", etag=f"{number:032x}", size=50_000)
    return notification(stored, datetime.now(UTC))


class MemoryQueue:
    """A queue like SQS that never fails and never delivers a message twice."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[str] = deque()
        self._received = itertools.count()
        self.open = 0  # messages that are not deleted yet

    def send(self, bodies: Sequence[str]) -> None:
        """Add messages."""
        with self._changed:
            self._waiting.extend(bodies)
            self.open += len(bodies)
            self._changed.notify_all()

    def wait_until_empty(self, timeout: float) -> bool:
        """Wait until every message is deleted; return whether all are after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self.open == 0, timeout)

    def receive(self, most: int) -> list[Message]:
        """Wait for 1 … `most` messages."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting), POLL)
            bodies = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        return [message(body, next(self._received)) for body in bodies]

    def delete(self, messages: Sequence[Message]) -> list[Refused]:
        """Delete messages; the last one wakes `wait_until_empty`."""
        with self._changed:
            self.open -= len(messages)
            if self.open == 0:
                self._changed.notify_all()
        return []

    def hide(self, messages: Sequence[tuple[Message, int]]) -> list[Refused]:
        """Do nothing: nobody else receives from this queue."""
        return []


class EndlessQueue:
    """A queue that always has as many new messages as a receive asks for."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def receive(self, most: int) -> list[Message]:
        """Announce `most` new photos."""
        numbers = [next(self._numbers) for _ in range(most)]
        return [message(announcement(number), number) for number in numbers]

    def delete(self, messages: Sequence[Message]) -> list[Refused]:
        """Do nothing."""
        return []

    def hide(self, messages: Sequence[tuple[Message, int]]) -> list[Refused]:
        """Do nothing."""
        return []


def message(body: str, number: int) -> Message:
    """Make a message that was received just now."""
    name, now = f"message-{number}", datetime.now(UTC)
    return Message(name, name, body, 1, now, now, time.monotonic())
