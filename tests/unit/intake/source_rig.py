"""A source of photos on a queue that answers as a test tells it to."""

from collections.abc import Callable, Sequence

from tests.support.fakes import ManualClock, MemoryStore, message
from worker.errors import MessageError, QueueError
from worker.intake.leases import Leases
from worker.intake.queue_calls import Refused
from worker.intake.s3_uploads import S3Uploads, back_off
from worker.messages import Failed, Fetched, Known, Message, Outcome, PhotoId, S3Object, Upload
from worker.telemetry.counters import Telemetry

TIMEOUT, LONGEST = 30, 100
Answer = Callable[[Sequence[Message]], list[Refused]]


def in_passing(messages: Sequence[Message]) -> list[Refused]:
    return [Refused(m, "InternalError", stale=False) for m in messages]


def for_good(messages: Sequence[Message]) -> list[Refused]:
    return [Refused(m, "ReceiptHandleIsInvalid", stale=True) for m in messages]


def not_at_all(messages: Sequence[Message]) -> list[Refused]:
    raise QueueError(f"no answer for {len(messages)}")


class AnsweringQueue:
    """Records each call and gives it the next of `answers`. Without one, the call succeeds."""

    def __init__(self) -> None:
        self.waiting: list[Message] = []
        self.deleted: list[list[int]] = []  # numbers of messages, by call
        self.hidden: list[dict[int, int]] = []  # number → seconds, by call
        self.calls: list[str] = []
        self.answers: list[Answer] = []
        self.down = False  # a receive fails

    def receive(self, most: int) -> list[Message]:
        if self.down:
            raise QueueError("no answer")
        given, self.waiting = self.waiting[:most], self.waiting[most:]
        return given

    def delete(self, messages: Sequence[Message]) -> list[Refused]:
        self.calls.append("delete")
        self.deleted.append([number(m) for m in messages])
        return self._answer(messages)

    def hide(self, messages: Sequence[tuple[Message, int]]) -> list[Refused]:
        self.calls.append("hide")
        self.hidden.append({number(m): seconds for m, seconds in messages})
        return self._answer([m for m, _ in messages])

    def _answer(self, messages: Sequence[Message]) -> list[Refused]:
        return self.answers.pop(0)(messages) if self.answers else []


class EchoingStorage:
    """Returns an object's key as its photo."""

    def fetch(self, s3_object: S3Object, max_bytes: int, alive: Callable[[], None] = lambda: None) -> Fetched:
        alive()
        return Fetched([s3_object.key.encode()[:max_bytes]])


class SourceRig:
    """A source that holds `count` messages."""

    def __init__(self, count: int = 1, *, retry_delay: Callable[[int], int] | None = None) -> None:
        self.clock, self.queue, self.telemetry = ManualClock(), AnsweringQueue(), Telemetry()
        self.notes = MemoryStore()
        self.leases = Leases(TIMEOUT, LONGEST, self.clock)
        self.source = S3Uploads(
            queue=self.queue,
            photos=EchoingStorage(),
            notes=self.notes,
            leases=self.leases,
            retry_delay=retry_delay or back_off(5, 300),
            telemetry=self.telemetry,
            clock=self.clock,
        )
        self.messages = [message(number=n) for n in range(count)]
        self.receive(*self.messages)

    def receive(self, *messages: Message) -> None:
        self.queue.waiting += messages
        while self.queue.waiting:
            self.source.receive(10)

    def settle(self, *messages: Message, error: MessageError | None = None) -> None:
        self.source.settle([self.outcome(m, error) for m in messages or self.messages])

    def outcome(self, of: Message, error: MessageError | None = None) -> Outcome:
        """The outcome of a message's photo: known, or failed with the error."""
        upload = Upload(PhotoId("id"), S3Object("photos", "key"), None, of, self.source)
        return Known(upload) if error is None else Failed(upload, error, {}, at=0.0)

    def held(self) -> list[int]:
        return [number(m) for m in self.leases.outstanding()]

    def count_of(self, name: str) -> int:
        return self.telemetry.counts.get(name, 0)


def number(received: Message) -> int:
    return int(received.message_id.removeprefix("message-"))
