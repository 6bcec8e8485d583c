"""The source of photos that S3 announces on one queue: received under a lease, settled as their outcome says."""

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from worker.errors import Verdict
from worker.intake.extensions import Extensions
from worker.intake.leases import Leases
from worker.intake.queue_calls import MessageQueue, QueueCalls, Refused
from worker.intake.receivers import Entries, Receivers
from worker.intake.survivors import Notes, Survivors
from worker.messages import Fetched, Message, Outcome, S3Object, Upload
from worker.result import Result
from worker.telemetry.counters import Telemetry

LONGEST_HIDDEN = 43_200  # seconds: SQS's limit of a visibility timeout


class Storage(Protocol):
    """Where photos are stored."""

    def fetch(self, s3_object: S3Object, max_bytes: int, alive: Callable[[], None] = lambda: None) -> Fetched:
        """Read an object, and call `alive` whenever bytes arrive. Raises PhotoError or TroubleError."""


@dataclass(kw_only=True, eq=False)
class S3Uploads:
    """Thread-safe. Never calls the queue for a message whose lease is known to be lost."""

    queue: MessageQueue
    photos: Storage
    notes: Notes
    leases: Leases
    retry_delay: Callable[[int], int]
    telemetry: Telemetry
    clock: Callable[[], float]

    def __post_init__(self) -> None:
        # An extension must not arrive after the release of the same message: it would hide it again.
        self._visibility = threading.Lock()
        self._receivers = Receivers()
        self._extensions = Extensions(
            queue=self.queue,
            leases=self.leases,
            visibility=self._visibility,
            report_lost=self._report_lost,
            telemetry=self.telemetry,
            clock=self.clock,
        )
        self._calls = QueueCalls(self.queue, self.telemetry)
        self._survivors = Survivors(self.notes, self.clock)

    @property
    def in_flight(self) -> int:
        """Number of messages held."""
        return len(self.held())

    def held(self) -> list[Message]:
        """Every message that is not settled yet."""
        return self.leases.outstanding()

    @property
    def is_patient(self) -> bool:
        """Leases let its photos wait, and other workers take what this one gives back."""
        return True

    def wants(self, upload: Upload) -> bool:  # noqa: ARG002 - whichever it is
        """Whoever uploaded a photo waits for its result."""
        return True

    def receive(self, most: int) -> list[Message]:
        """Long-poll for 1 … `most` (10 at most) messages and start their leases. Raises QueueError.

        Returns none while paused, or once closed.
        """
        try:
            with self._receivers.inside() as allowed:
                begun = self.clock()
                messages = self.queue.receive(most) if allowed else []
                self._report_lost(self.leases.hold(messages, since=begun))
        finally:
            self._release_entries(self._receivers.take_kept())
        again = sum(message.receive_count > 1 for message in messages)
        self.telemetry.receive(len(messages), self.clock() - begun, again)
        return messages

    def fetch(self, upload: Upload, max_bytes: int, alive: Callable[[], None]) -> Fetched:
        """Read the photo from S3."""
        return self.photos.fetch(upload.object, max_bytes, alive)

    def answer(self, outcome: Outcome, result: Result | None) -> None:
        """Redis tells whoever waits."""

    def settle(self, outcomes: list[Outcome]) -> None:
        """Delete, release or leave each message whose records all have an outcome."""
        self._report_lost(self.leases.lost())
        done: dict[Verdict, list[Message]] = {verdict: [] for verdict in Verdict}
        for outcome in outcomes:
            verdict = self.leases.settle_record(outcome.message, outcome.verdict)
            if verdict is not None:
                done[verdict].append(outcome.message)
        self._delete(done[Verdict.ACKNOWLEDGE])
        self._release(done[Verdict.RETURN], lambda _: 0)
        self._release(done[Verdict.RELEASE], lambda message: self.retry_delay(message.receive_count))
        self._survivors.note(self.leases.drop(done[Verdict.LEAVE]))

    def give_back(self, messages: list[Message]) -> None:
        """Make messages visible again at once: nothing was tried with them."""
        self.telemetry.count("returned", len(messages))
        self._report_lost(self.leases.lost())
        self._release(messages, lambda _: 0)

    def extend_due(self) -> None:
        """Release messages held too long, and extend leases that are due. Call this about once a second."""
        over = self.leases.over()
        self._report_lost(self.leases.lost())
        if over:
            self.telemetry.warn("held_too_long", messages=[m.message_id for m in over])
            self._calls.hide([(message, self.retry_delay(message.receive_count)) for message in over])
        self._extensions.extend_due()

    def close(self) -> None:
        """Begin no receive any more. What is released from now on waits until the last one has ended."""
        self._receivers.close()

    def pause(self) -> None:
        """Begin no receive until `resume`."""
        self._receivers.pause()

    def resume(self) -> None:
        """Receive again, unless the source is closed."""
        self._receivers.pause(False)

    def is_idle(self, besides: Collection[Message], timeout: float) -> bool:
        """Wait until no receive is under way and nothing but these messages is held. Returns whether that is so."""
        return self.wait_for_receives(timeout) and self.leases.wait_until_only(besides, timeout)

    def wait_for_receives(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds until no receive is under way. Returns whether that is so."""
        return self._receivers.wait_until_none(timeout)

    def release_all(self, survived: bool = False) -> int:
        """Release every message that is not settled, at once. Returns how many there were.

        `survived`: none of them is to blame for the end of the worker.
        """
        self._report_lost(self.leases.lost())
        with self._visibility:
            left = self.leases.drop(self.leases.outstanding())
            self.telemetry.count("released", len(left))
            self._calls.hide([(message, 0) for message in left])
        if survived:
            self._survivors.note(left)
        return len(left)

    def _delete(self, messages: Sequence[Message]) -> None:
        """Delete. A message that cannot be deleted comes again and costs a look-up; it is not lost."""

        def delete_held(ten: Entries) -> list[Refused]:
            held = [message for message, _ in ten if self.leases.holds(message)]
            return self.queue.delete(held) if held else []

        self._calls.carry_out("delete", [(message, 0) for message in messages], delete_held)
        self.leases.drop(messages)

    def _release(self, messages: Sequence[Message], seconds: Callable[[Message], int]) -> None:
        entries = [(message, min(LONGEST_HIDDEN, seconds(message))) for message in messages]
        if not self._receivers.keep(entries):
            self._release_entries(entries)

    def _release_entries(self, entries: Entries) -> None:
        """Release those that are still held."""
        with self._visibility:
            dropped = self.leases.drop(message for message, _ in entries)
            held = {message.message_id for message in dropped}
            self._calls.hide([entry for entry in entries if entry[0].message_id in held])
        self._survivors.note(dropped)

    def _report_lost(self, messages: list[Message]) -> None:
        for message in messages:
            self.telemetry.warn(
                "lease_lost", message_id=message.message_id, receive_count=message.receive_count
            )


def back_off(first: int, most: int) -> Callable[[int], int]:
    """Seconds until a released message is visible again, by receive count: doubled at each receive."""
    return lambda receive_count: min(most, first * 2 ** min(max(0, receive_count - 1), 20))
