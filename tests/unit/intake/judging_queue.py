"""A queue service that judges what it is asked to do, in the order that a schedule gives.

Its calls take time on their way and back, and some fail. `violations` names every broken promise.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from tests.support.fakes import START, MemoryStore
from tests.support.schedule import Schedule
from tests.support.stage_rig import IDS
from worker.errors import QueueError
from worker.intake.queue_calls import Refused
from worker.messages import Message

TIMEOUT = 8  # seconds of a message's visibility; a longer one is no extension but a release with a delay
CALL = 0.3  # seconds that a call or its answer may be on its way: far less than a lease's safety
LONG_POLL = 1.0
UNREADABLE = "no JSON"


@dataclass(slots=True)
class _Stored:
    body: str
    visible_at: float
    receives: int = 0
    handle: str = ""
    last: str = "sent"  # what was done with it last
    last_at: float = 0.0


class JudgingQueue:
    """SQS, whose calls take time on their way and back. `violations` names every broken promise.

    `fails`: the part of the calls that fail, some of them after they were carried out.
    """

    def __init__(self, schedule: Schedule, store: MemoryStore, fails: float) -> None:
        self.schedule = schedule
        self.store = store
        self.fails = fails
        self.breaks = schedule.chance.random() < 0.1  # a stage fails at some moment
        self.stopping = threading.Event()
        self.stopped_at = 0.0
        self.messages: dict[str, _Stored] = {}
        self.violations: list[str] = []
        self.has_failed = False  # any call
        self.has_broken_down = False

    def send(self, sent: str) -> None:
        self.messages[f"message-{len(self.messages)}"] = _Stored(sent, self.schedule.now)

    def receive(self, most: int) -> list[Message]:
        self._travel()
        end = self.schedule.now + LONG_POLL
        while not self._visible() and self.schedule.now < end:
            self.schedule.pause(0.25)
        received = [self._hand_out(message_id) for message_id in self._visible()[:most]]
        self._travel()
        return received

    def delete(self, messages: Sequence[Message]) -> list[Refused]:
        return self._carry_out([(message, "deleted", 0) for message in messages])

    def hide(self, messages: Sequence[tuple[Message, int]]) -> list[Refused]:
        return self._carry_out(
            [(m, "extended" if 0 < seconds <= TIMEOUT else "released", seconds) for m, seconds in messages]
        )

    def left_hidden(self) -> list[str]:
        """Messages that nobody sees although nobody works on them any more."""
        hidden = {"received", "extended"}
        return [m for m, one in self.messages.items() if one.last in hidden and one.body != UNREADABLE]

    def _carry_out(self, entries: Sequence[tuple[Message, str, int]]) -> list[Refused]:
        fault = self._draw_fault()
        self._travel()
        if fault == "call lost":
            raise QueueError("no answer")
        passed_over = [entry for entry in entries if fault == "busy" and self.schedule.chance.random() < 0.7]
        refused = [Refused(entry[0], "try again", stale=False) for entry in passed_over]
        for message, verb, seconds in entries:
            if (message, verb, seconds) not in passed_over and not self._do(message, verb, seconds):
                refused.append(Refused(message, "stale", stale=True))
        self._travel()
        if fault == "answer lost":
            raise QueueError("no answer")
        return refused

    def _draw_fault(self) -> str:
        if self.schedule.chance.random() >= self.fails:
            return ""
        self.has_failed = True
        return self.schedule.chance.choice(["call lost", "answer lost", "busy"])

    def _do(self, message: Message, verb: str, seconds: int) -> bool:
        stored, now = self.messages[message.message_id], self.schedule.now
        is_good = stored.handle == message.receipt_handle and stored.visible_at > now
        is_good = is_good and stored.last not in {"deleted", "released"}
        # An extension may arrive after the delete: it does no harm. A lost answer has its call repeated.
        # A worker that breaks down releases all, also what it was deleting: the result is stored.
        is_harmless = (
            (stored.last == "deleted" and verb == "extended")
            or (stored.last == verb and self.has_failed)
            or (self.has_broken_down and {stored.last, verb} == {"deleted", "released"})
        )
        if not is_good and not is_harmless:
            self.violations.append(f"{now:.2f}: {message.message_id} {verb} when it was {stored.last}")
        if verb == "deleted" and not self._is_written(stored):
            self.violations.append(f"{now:.2f}: {message.message_id} deleted before its results are written")
        if is_good:
            stored.visible_at = now + seconds
            stored.last, stored.last_at = verb, now
        return is_good

    def _is_written(self, stored: _Stored) -> bool:
        return all(image_id in self.store.results for image_id in IDS if image_id in stored.body)

    def _visible(self) -> list[str]:
        now = self.schedule.now
        return [m for m, one in self.messages.items() if one.last != "deleted" and one.visible_at <= now]

    def _hand_out(self, message_id: str) -> Message:
        stored, now = self.messages[message_id], self.schedule.now
        if stored.last == "released" and self.stopping.is_set() and stored.last_at > self.stopped_at:
            self.violations.append(f"{now:.2f}: {message_id} received again by the worker that gave it back")
        stored.receives += 1
        stored.handle = f"{message_id}-{stored.receives}"
        stored.visible_at, stored.last = now + TIMEOUT, "received"
        return Message(message_id, stored.handle, stored.body, stored.receives, START, START, received=now)

    def _travel(self) -> None:
        self.schedule.pause(self.schedule.chance.choice([0.0, 0.0, CALL / 3, CALL]))
