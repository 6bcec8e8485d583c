"""The visibility of every message in flight: what must be extended, what is lost, what a stop must release.

A lease starts at the receive and covers both queues, the batch, the write and the delete. Its end is reckoned from
before each call, so that it never seems longer here than it is at SQS.
"""

import math
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from worker.errors import Verdict
from worker.messages import Message

# A call that is on its way when the visibility runs out would arrive with a stale handle: so shortly before its end a
# lease counts as lost. Seconds, longer than any call of adapters/aws/sqs.py may take; or that part of a short timeout.
SAFETY, SAFETY_PART = 4.0, 0.25
AGAIN = 0.1  # part of the timeout after which an extension that did not succeed is due again


@dataclass(slots=True)
class _Lease:
    message: Message
    expires_at: float
    renew_at: float
    until: float  # it is never extended beyond
    open_records: int | None = None  # None until the first of them is settled
    verdict: Verdict = Verdict.ACKNOWLEDGE


class Leases:
    """Thread-safe; `timeout` is the visibility timeout, `longest` the cap on a whole lease, both in seconds."""

    def __init__(self, timeout: float, longest: float, clock: Callable[[], float]) -> None:
        self._timeout = timeout
        self._longest = longest
        self._clock = clock
        self._safety = min(SAFETY, timeout * SAFETY_PART)
        self._lock = threading.Lock()
        self._held: dict[str, _Lease] = {}  # by message: it has one receipt handle that counts, the last

    def hold(self, messages: Iterable[Message], since: float) -> list[Message]:
        """Start a lease for each message of a receive begun at `since`.

        Gives those that were held before, under a handle that is stale now.
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
        """Note what became of one record; once it is the last, what becomes of the message (the gravest of all).

        None while records are open, or when the lease is not held any more. The lease goes on until it is dropped:
        the call that settles the message takes its time.
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
        """Give the messages of whose timeout half has gone, and for how many seconds each is to be held from now on.

        What is not reported as `extended` is due again soon.
        """
        with self._lock:
            now = self._clock()
            due = [lease for lease in self._held.values() if lease.renew_at <= now < lease.until]
            for lease in due:
                lease.renew_at = now + self._timeout * AGAIN
            return [(lease.message, self._seconds(lease, now)) for lease in due]

    def extended(self, message: Message, seconds: float, since: float) -> None:
        """Note that the message is hidden for `seconds` counted from `since`, the time before the call."""
        with self._lock:
            lease = self._of(message)
            if lease is not None:
                lease.expires_at = since + seconds
                lease.renew_at = since + seconds / 2

    def lost(self) -> list[Message]:
        """Drop and give the messages whose visibility has run out, or is about to: others have them now."""
        with self._lock:
            return self._pop(lease for lease in self._held.values() if self._is_lost(lease))

    def holds(self, message: Message) -> bool:
        """Whether its receipt handle is good, and will be until a call has arrived."""
        with self._lock:
            lease = self._of(message)
            return lease is not None and not self._is_lost(lease)

    def over(self) -> list[Message]:
        """Drop and give the messages that were held for as long as is allowed, while a call for them still arrives."""
        with self._lock:
            deadline = self._clock() + 2 * self._safety
            ending = [lease for lease in self._held.values() if lease.until <= deadline]
            return self._pop(
                lease for lease in ending if lease.open_records != 0 and not self._is_lost(lease)
            )

    def drop(self, messages: Iterable[Message]) -> list[Message]:
        """End leases that are settled, lost or let go; those that were held."""
        with self._lock:
            return self._pop(lease for m in messages if (lease := self._of(m)) is not None)

    def lose(self, messages: Iterable[Message]) -> list[Message]:
        """Drop messages that SQS says are not ours; those of which that is news, since nobody was settling them."""
        with self._lock:
            leases = [lease for m in messages if (lease := self._of(m)) is not None]
            return self._pop(lease for lease in leases if lease.open_records != 0)

    def outstanding(self) -> list[Message]:
        """Give every message that is held."""
        with self._lock:
            return [lease.message for lease in self._held.values()]

    def _of(self, message: Message) -> _Lease | None:
        lease = self._held.get(message.message_id)
        return lease if lease and lease.message.receipt_handle == message.receipt_handle else None

    def _is_lost(self, lease: _Lease) -> bool:
        return lease.expires_at <= self._clock() + self._safety

    def _seconds(self, lease: _Lease, now: float) -> int:
        return max(1, math.ceil(min(self._timeout, lease.until - now)))

    def _pop(self, leases: Iterable[_Lease]) -> list[Message]:
        ended = list(leases)
        return [self._held.pop(lease.message.message_id).message for lease in ended]
