"""SQS, S3 and Redis for the state machine: on a manual clock, and failing on command.

They check what they are asked to do: `violations` names every broken promise.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.support.fakes import START, ManualClock, MemoryStore
from tests.support.overtaken import answer_to
from worker.errors import NotOursError, QueueError, StorageError, StoreError
from worker.intake import events
from worker.intake.events import Announced
from worker.intake.queue_calls import BATCH, Refused
from worker.messages import Answer, Fetched, Message, S3Object, Written
from worker.result import Result


@dataclass(slots=True)
class _Stored:
    body: str
    visible_at: float
    receives: int = 0
    handle: str = ""


class VisibilityQueue:
    """SQS: hides received messages under new receipt handles, moves those received too often to `dead`."""

    def __init__(
        self, clock: ManualClock, timeout: int, most_receives: int, is_done: Callable[[str], bool]
    ) -> None:
        self.clock = clock
        self.timeout = timeout
        self.most_receives = most_receives
        self.is_done = is_done  # whether a body may be deleted
        self.most_records = (
            0  # a receive brings no more than these: SQS may give fewer messages than asked for
        )
        self.down = False
        self.refuses = False
        self.meanwhile: Callable[[], None] = lambda: None  # happens during a receive
        self.messages: dict[str, _Stored] = {}
        self.dead: list[str] = []
        self.violations: list[str] = []
        self._sent = 0

    def send(self, body: str) -> None:
        self._sent += 1
        self.messages[f"message-{self._sent}"] = _Stored(body, self.clock())

    def visible(self) -> list[str]:
        return [i for i, stored in self.messages.items() if stored.visible_at <= self.clock()]

    def hidden_under(self, message: Message) -> bool:
        """Whether a receipt handle is the last one, and its visibility timeout has not ended."""
        stored = self.messages.get(message.message_id)
        return stored is not None and self._is_good(stored, message)

    def receive(self, most: int) -> list[Message]:
        self.meanwhile()
        self._answer()
        received, records = [], 0
        for message_id in self.visible()[:most]:
            stored = self.messages[message_id]
            records += max(1, len(images_of(stored.body)))
            if records > self.most_records:
                break
            if stored.receives == self.most_receives:
                self.dead.append(self.messages.pop(message_id).body)
                continue
            stored.receives += 1
            stored.handle = f"{message_id}-{stored.receives}"
            stored.visible_at = self.clock() + self.timeout
            received.append(self._message(message_id, stored))
        return received

    def delete(self, messages: Sequence[Message]) -> list[Refused]:
        self._check_batch("delete", messages)
        for message in messages:
            stored = self.messages.get(message.message_id)
            if stored is None or not self._is_good(stored, message):
                self.violations.append(f"delete of {message.message_id} with a stale handle")
            elif not self.is_done(stored.body):
                self.violations.append(f"delete of {message.message_id} before its results are written")
        if self.refuses:
            return [Refused(message, "try again", stale=False) for message in messages]
        for message in messages:
            self.messages.pop(message.message_id, None)
        return []

    def hide(self, messages: Sequence[tuple[Message, int]]) -> list[Refused]:
        self._check_batch("hide", [message for message, _ in messages])
        if self.refuses:
            return [Refused(message, "try again", stale=False) for message, _ in messages]
        for message, seconds in messages:
            stored = self.messages.get(message.message_id)
            if stored is None or not self._is_good(stored, message):
                self.violations.append(f"{message.message_id} hidden with a stale handle")
            else:
                stored.visible_at = self.clock() + seconds
        return []

    def _answer(self) -> None:
        if self.down:
            raise QueueError("SQS does not answer")

    def _is_good(self, stored: _Stored, message: Message) -> bool:
        return stored.handle == message.receipt_handle and stored.visible_at > self.clock()

    def _check_batch(self, verb: str, messages: Sequence[Message]) -> None:
        self._answer()
        if not 0 < len(messages) <= BATCH or len({m.message_id for m in messages}) < len(messages):
            self.violations.append(f"{verb} of {[m.message_id for m in messages]} in one call")

    def _message(self, message_id: str, stored: _Stored) -> Message:
        now = self.clock()
        return Message(
            message_id, stored.handle, stored.body, stored.receives, START, self.clock.now(), received=now
        )


class OutagedStorage:
    """S3: gives the photo of a key, unless it is away."""

    def __init__(self) -> None:
        self.photos: dict[str, bytes] = {}
        self.away = False

    def fetch(self, s3_object: S3Object, max_bytes: int, alive: Callable[[], None] = lambda: None) -> Fetched:
        if self.away:
            raise StorageError("503")
        photo = self.photos[s3_object.key]
        return Fetched([photo], f"etag-of-{s3_object.key}", sha256=hashlib.sha256(photo).hexdigest())


class ComparingStore(MemoryStore):
    """Redis: writes by the rules. `forgetful`: it writes, but its answer is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.forgetful = False
        self.written: Counter[str] = Counter()

    def write(self, results: Sequence[Result], seen: Sequence[str]) -> list[Written]:
        self._answer()
        said = [self._write_one(*pair) for pair in zip(results, seen, strict=True)]
        if self.forgetful:
            raise StoreError("the answer is lost")
        return [Written(one) for one in said]

    def _write_one(self, result: Result, seen: str) -> Answer:
        answer = answer_to(self.results.get(result.image_id), result, seen)
        if answer is Answer.WRITTEN:
            self.results[result.image_id] = result
            self.written[result.image_id] += 1
        return answer


def images_of(body: str) -> list[str]:
    """The images that a body announces."""
    return [r.object.key for r in events.read(body) if isinstance(r, Announced)]


def is_ours(body: str) -> bool:
    """Whether a body can be read. One that cannot is for a person to look at."""
    return not any(isinstance(r, NotOursError) for r in events.read(body))
