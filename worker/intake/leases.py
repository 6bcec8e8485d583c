"""Leases on the messages in flight: which to extend, which are lost, which a stop must release.

A lease starts at the receive and covers both queues, the batch, the write and the delete. Its end is
counted from before each call, so it never looks longer here than it is at SQS.
"""

import math
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from worker.errors import Verdict
from worker.messages import Message

# A lease counts as lost shortly before it ends: a call under way at its end would arrive with a stale
# receipt handle. Seconds, longer than any call of adapters/aws/sqs.py takes; or a part of a short timeout.
SAFETY, SAFETY_PART = 4.0, 0.25
RETRY_PART = 0.1  # of the timeout, until a failed extension is due again


@dataclass(slots=True)
class _Lease:
    message: Message
    expires_at: float
    renew_at: float
    until: float  # the latest end; it is never extended beyond
    open_records: int | None = None  # None until the first of them is settled
    verdict: Verdict = Verdict.ACKNOWLEDGE


class Leases:
    """Thread-safe. `timeout`: visibility timeout. `longest`: cap on a whole lease. Both in seconds."""

    def __init__(self, timeout: float, longest: float, clock: Callable[[], float]) -> None:
        self._timeout = timeout
        self._longest = longest
        self._clock = clock
        self._safety = min(SAFETY, timeout * SAFETY_PART)
        self._lock = threading.Lock()
        self._ended = threading.Condition(self._lock)
        self._held: dict[str, _Lease] = {}  # by message id; only the last receipt handle is valid

    def hold(self, messages: Iterable[Message], since: float) -> list[Message]:
        """Start a lease for each message of a receive that began at `since`.

        Returns messages that were held before, under a receipt handle that is now stale.
        """
        with self._lock:
            before = list[Message]()
            for message in messages:
                if message.message_id in self._held:
                    before.append(self._held[message.message_id].message)
                self._held[message.message_id] = _Lease(
                    message, since + self._timeout, since + self._timeout / 2, since + self._longest
                )
            return before

    def settle_record(self, message: Message, verdict: Verdict) -> Verdict | None:
        """Note the verdict on one record. Returns the message's verdict, the gravest of all, with the last one.

        Returns None while records are open, or if the lease is gone. The lease goes on until it is
        dropped, since the call that settles the message takes time.
        """
        with self._lock:
            lease = self._of(message)
            if lease is None or lease.open_records == 0:
                return None
            left = message.records if lease.open_records is None else lease.open_records
            lease.open_records = left - 1
            lease.verdict = max(lease.verdict, verdict, key=lambda v: v.value)
            return lease.verdict if lease.open_records == 0 else None

    def due(self) -> list[tuple[Message, int]]:
        """Messages past half their visibility timeout, each with the seconds to extend it by.

        A message that is not reported with `note_extension` is due again soon.
        """
        with self._lock:
            now = self._clock()
            due = [lease for lease in self._held.values() if lease.renew_at <= now < lease.until]
            for lease in due:
                lease.renew_at = now + self._timeout * RETRY_PART
            return [(lease.message, self._seconds(lease, now)) for lease in due]

    def note_extension(self, message: Message, seconds: float, since: float) -> None:
        """Note that the message is hidden for `seconds` from `since`, the time before the call."""
        with self._lock:
            lease = self._of(message)
            if lease is not None:
                lease.expires_at = since + seconds
                lease.renew_at = since + seconds / 2

    def lost(self) -> list[Message]:
        """Drop and return messages whose visibility has ended or is about to: others have them now."""
        with self._lock:
            return self._pop(lease for lease in self._held.values() if self._is_lost(lease))

    def holds(self, message: Message) -> bool:
        """Whether its receipt handle is valid, and stays so until a call arrives."""
        with self._lock:
            lease = self._of(message)
            return lease is not None and not self._is_lost(lease)

    def over(self) -> list[Message]:
        """Drop and return messages held for as long as allowed, while a call for them still arrives in time."""
        with self._lock:
            deadline = self._clock() + 2 * self._safety
            ending = [lease for lease in self._held.values() if lease.until <= deadline]
            return self._pop(
                lease for lease in ending if lease.open_records != 0 and not self._is_lost(lease)
            )

    def drop(self, messages: Iterable[Message]) -> list[Message]:
        """End these leases. Returns the messages that were held."""
        with self._lock:
            return self._pop(lease for m in messages if (lease := self._of(m)) is not None)

    def lose(self, messages: Iterable[Message]) -> list[Message]:
        """Drop leases that SQS reports gone. Returns those nobody was settling."""
        with self._lock:
            leases = [lease for m in messages if (lease := self._of(m)) is not None]
            return self._pop(lease for lease in leases if lease.open_records != 0)

    def outstanding(self) -> list[Message]:
        """Every message that is held."""
        with self._lock:
            return [lease.message for lease in self._held.values()]

    def wait_until_only(self, messages: Collection[Message], timeout: float) -> bool:
        """Wait up to `timeout` seconds until no other message is held. Returns whether that is so."""
        expected = {message.message_id for message in messages}
        with self._lock:
            return self._ended.wait_for(lambda: self._held.keys() <= expected, timeout)

    def _of(self, message: Message) -> _Lease | None:
        lease = self._held.get(message.message_id)
        return lease if lease and lease.message.receipt_handle == message.receipt_handle else None

    def _is_lost(self, lease: _Lease) -> bool:
        return lease.expires_at <= self._clock() + self._safety

    def _seconds(self, lease: _Lease, now: float) -> int:
        return max(1, math.ceil(min(self._timeout, lease.until - now)))

    def _pop(self, leases: Iterable[_Lease]) -> list[Message]:
        ended = list(leases)
        self._ended.notify_all()
        return [self._held.pop(lease.message.message_id).message for lease in ended]
