"""SQS for the state machine: on a manual clock, and failing on command."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.support.fakes import START, ManualClock
from worker.errors import QueueError
from worker.intake.queue_calls import BATCH, Refused
from worker.messages import Message


@dataclass(slots=True)
class Stored:
    """A message in the queue."""

    body: str
    visible_at: float
    receives: int = 0
    handle: str = ""


@dataclass(kw_only=True, eq=False)
class VisibilityQueue:
    """Hides received messages under new receipt handles, moves those received too often to `dead`.

    It checks what it is asked to do: `violations` names every broken promise.
    """

    clock: ManualClock
    timeout: int
    most_receives: int
    is_done: Callable[[str], bool]  # whether a body may be deleted
    records: Callable[[str], int]  # how many photos a body announces
    heard: Callable[[str], None]  # told of each body that is received
    most_records: int = 0  # a receive brings no more than these: SQS may give fewer messages than asked for
    faults: set[str] = field(default_factory=set)  # down, refuses, refuses some, forgets
    meanwhile: Callable[[], None] = lambda: None  # happens during a receive
    messages: dict[str, Stored] = field(default_factory=dict)
    dead: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._sent = 0
        self._deleted: dict[str, str] = {}  # message → the handle that it was deleted with

    def send(self, body: str) -> None:
        self._sent += 1
        self.messages[f"message-{self._sent}"] = Stored(body, self.clock())

    def hidden_under(self, message: Message) -> bool:
        """Whether a receipt handle is the last one, and its visibility timeout has not ended."""
        stored = self.messages.get(message.message_id)
        return stored is not None and self._is_good(stored, message)

    def receive(self, most: int) -> list[Message]:
        self.meanwhile()
        self._answer()
        received, records = [], 0
        visible = [i for i, stored in self.messages.items() if stored.visible_at <= self.clock()]
        for message_id in visible[:most]:
            stored = self.messages[message_id]
            records += max(1, self.records(stored.body))
            if records > self.most_records:
                break
            if stored.receives == self.most_receives:
                self.dead.append(self.messages.pop(message_id).body)
                continue
            received.append(self._give(message_id, stored))
        self._forget()
        for message in received:
            self.heard(message.body)
        return received

    def delete(self, messages: Sequence[Message]) -> list[Refused]:
        self._check_batch("delete", messages)
        refused = self._refused(messages)
        for message in messages:
            stored = self.messages.get(message.message_id)
            if self._deleted.get(message.message_id) == message.receipt_handle:
                continue
            if stored is None or not self._is_good(stored, message):
                self.violations.append(f"delete of {message.message_id} with a stale handle")
            elif not self.is_done(stored.body):
                self.violations.append(f"delete of {message.message_id} before its results are written")
            if message.message_id not in {one.message.message_id for one in refused}:
                self.messages.pop(message.message_id, None)
                self._deleted[message.message_id] = message.receipt_handle
        self._forget()
        return refused

    def hide(self, messages: Sequence[tuple[Message, int]]) -> list[Refused]:
        self._check_batch("hide", [message for message, _ in messages])
        refused = self._refused([message for message, _ in messages])
        for message, seconds in messages:
            stored = self.messages.get(message.message_id)
            if stored is None or not self._is_good(stored, message):
                self.violations.append(f"{message.message_id} hidden with a stale handle")
            elif message.message_id not in {one.message.message_id for one in refused}:
                stored.visible_at = self.clock() + seconds
        return refused

    def _give(self, message_id: str, stored: Stored) -> Message:
        now, stored.receives = self.clock(), stored.receives + 1
        stored.handle, stored.visible_at = f"{message_id}-{stored.receives}", now + self.timeout
        return Message(
            message_id, stored.handle, stored.body, stored.receives, START, self.clock.now(), received=now
        )

    def _answer(self) -> None:
        if "down" in self.faults:
            raise QueueError("SQS does not answer")

    def _forget(self) -> None:
        """Lose the answer of a call that was carried out."""
        if "forgets" in self.faults:
            raise QueueError("the answer is lost")

    def _refused(self, messages: Sequence[Message]) -> list[Refused]:
        """Choose the entries of a batch that are not carried out."""
        every = 1 if "refuses" in self.faults else 2 if "refuses some" in self.faults else 0
        return [Refused(one, "try again", stale=False) for one in (messages[::every] if every else [])]

    def _is_good(self, stored: Stored, message: Message) -> bool:
        return stored.handle == message.receipt_handle and stored.visible_at > self.clock()

    def _check_batch(self, verb: str, messages: Sequence[Message]) -> None:
        self._answer()
        if not 0 < len(messages) <= BATCH or len({m.message_id for m in messages}) < len(messages):
            self.violations.append(f"{verb} of {[m.message_id for m in messages]} in one call")
