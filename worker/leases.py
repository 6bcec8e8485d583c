"""The visibility of every message in flight: what must be extended, what is settled, what a stop must release.

A lease starts at the receive and covers both queues, the batch and the write, until its message is settled.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from worker.errors import Verdict
from worker.messages import Message


@dataclass(slots=True)
class _Lease:
    message: Message
    renew_at: float
    open_records: int | None = None  # None until the first of them is settled
    verdict: Verdict = Verdict.ACKNOWLEDGE


class Leases:
    """Thread-safe; `timeout` is the visibility timeout in seconds, `clock` gives monotonic seconds."""

    def __init__(self, timeout: float, clock: Callable[[], float]) -> None:
        self._timeout = timeout
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[str, _Lease] = {}  # by receipt handle: a redelivery has another one

    def hold(self, messages: Iterable[Message]) -> None:
        """Start a lease for each received message."""
        with self._lock:
            for message in messages:
                self._held[message.receipt_handle] = _Lease(message, self._clock() + self._timeout / 2)

    def settle_record(self, message: Message, verdict: Verdict) -> Verdict | None:
        """Note what became of one record; once it is the last, what becomes of the message (the gravest of all).

        The lease ends with that. None while records are open, or when the lease is not held any more.
        """
        with self._lock:
            lease = self._held.get(message.receipt_handle)
            if lease is None:
                return None
            left = message.records if lease.open_records is None else lease.open_records
            lease.open_records = left - 1
            lease.verdict = max(lease.verdict, verdict, key=lambda v: v.value)
            if lease.open_records > 0:
                return None
            del self._held[message.receipt_handle]
            return lease.verdict

    def due(self) -> list[Message]:
        """Give the messages of whose timeout half has gone; their next turn is half a timeout from now."""
        with self._lock:
            now = self._clock()
            due = [lease for lease in self._held.values() if lease.renew_at <= now]
            for lease in due:
                lease.renew_at = now + self._timeout / 2
            return [lease.message for lease in due]

    def drop(self, messages: Iterable[Message]) -> None:
        """End leases that are lost or let go."""
        with self._lock:
            for message in messages:
                self._held.pop(message.receipt_handle, None)

    def outstanding(self) -> list[Message]:
        """Give every message that is not settled."""
        with self._lock:
            return [lease.message for lease in self._held.values()]
