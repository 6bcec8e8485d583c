"""Calls to a queue for any number of messages: ten at a time, and once more what may succeed then."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from worker.errors import QueueError
from worker.intake.receivers import Entries
from worker.messages import Message
from worker.telemetry.counters import Telemetry

BATCH = 10  # SQS's limit of entries a call


@dataclass(frozen=True, slots=True)
class Refused:
    """An entry of a batch call that SQS refused. `stale`: its receipt handle is no longer valid."""

    message: Message
    reason: str
    stale: bool


class MessageQueue(Protocol):
    """A queue like SQS. Every method raises QueueError when the whole call fails."""

    def receive(self, most: int) -> list[Message]:
        """Wait for 1 … `most` messages, up to the long poll's time."""

    def delete(self, messages: Sequence[Message]) -> list[Refused]:
        """Delete up to ten messages. Returns the refused ones."""

    def hide(self, messages: Sequence[tuple[Message, int]]) -> list[Refused]:
        """Hide up to ten messages for so many seconds from now; 0 makes them visible. Returns the refused ones."""


class QueueCalls:
    """Deletes and hides messages. What fails is logged; the messages come again."""

    def __init__(self, queue: MessageQueue, telemetry: Telemetry) -> None:
        self._queue = queue
        self._telemetry = telemetry

    def hide(self, entries: Entries) -> None:
        """Hide. A message that cannot be hidden is visible again when its timeout ends."""
        self.carry_out("release", entries, self._queue.hide)

    def carry_out(self, verb: str, entries: Entries, call: Callable[[Entries], list[Refused]]) -> None:
        """Call for each ten, and once more for entries that may succeed the second time."""
        for entry in self._try_once(verb, self._try_once(verb, entries, call), call):
            self._telemetry.warn(f"{verb}_given_up", message_id=entry[0].message_id)

    def _try_once(
        self, verb: str, entries: Entries, call: Callable[[Entries], list[Refused]]
    ) -> list[tuple[Message, int]]:
        """Call for each ten, up to the first call that fails as a whole. Returns entries to try again."""
        again: list[tuple[Message, int]] = []
        for start in range(0, len(entries), BATCH):
            try:
                refused = call(entries[start : start + BATCH])
            except QueueError as error:
                self._telemetry.warn(f"{verb}_failed", messages=len(entries) - start, reason=str(error))
                return [*again, *entries[start:]]
            for one in refused:
                self._telemetry.warn(f"{verb}_refused", message_id=one.message.message_id, reason=one.reason)
            retryable = {one.message.message_id for one in refused if not one.stale}
            again += [entry for entry in entries[start : start + BATCH] if entry[0].message_id in retryable]
        return again
