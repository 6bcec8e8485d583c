"""The source of photos that come by HTTP: each is a ticket until its request is answered.

A ticket has no receipt handle and no lease: its photo is in this process alone. So it is impatient: it
waits for no service that is away, and a stop finishes it. Where photos that come by HTTP are stored in
S3, that is what fetching does, in a helper thread.
"""

import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from worker.door.receiving.admission import Pieces
from worker.errors import AbandonedError, StoppingError
from worker.messages import Failed, Fetched, Message, Outcome, PhotoId, S3Object, Upload
from worker.pipeline.lanes import Lane
from worker.result import Result

Reply = Callable[[Outcome, Result | None], None]  # must not wait; called from another thread


class Storage(Protocol):
    """Where photos are stored that came by HTTP."""

    def put_once(self, photo: S3Object, pieces: Pieces) -> Fetched:
        """Store a photo, unless it is there. Raises OvertakenError if another one is, and StorageError."""


@dataclass(slots=True)
class _Ticket:
    upload: Upload
    pieces: Pieces | None = field(repr=False)  # until they are handed out
    reply: Reply
    is_wanted: bool = True


class Tickets:
    """Thread-safe."""

    def __init__(
        self,
        lane: Lane[Upload | Outcome],
        clock: Callable[[], float],
        now: Callable[[], datetime],
        arrived: Callable[[Upload], None] = lambda _: None,
    ) -> None:
        """`arrived` hears of each photo."""
        self.lane = lane
        self.storage: Storage | None = None  # None: photos are stored nowhere
        self._clock = clock
        self._now = now
        self._arrived = arrived
        self._lock = threading.Lock()
        self._held: dict[str, _Ticket] = {}  # by message id
        self._numbers = itertools.count()

    @property
    def in_flight(self) -> int:
        """Number of photos that nobody has an answer for yet."""
        return len(self._held)

    @property
    def begun(self) -> int:
        """Number of photos that are in work."""
        return len(self._held) - self.lane.qsize()

    @property
    def is_patient(self) -> bool:
        """Somebody waits for each photo's answer, and no other worker can take it."""
        return False

    def put(
        self,
        photo: PhotoId,
        stored: S3Object,
        pieces: Pieces,
        trace: Mapping[str, str],
        reply: Reply,
        *,
        receive_ms: float = 0.0,
    ) -> str:
        """Hand a photo to the pipeline; returns its ticket. Never waits: raises queue.Full, and ShutDown at a stop.

        `stored`: what its bytes are called. Its upload is this moment: a slow client is not lateness.
        """
        now = self._now()
        number = f"http-{next(self._numbers)}"
        message = Message(number, "", "", 1, None, now, received=self._clock())
        upload = Upload(photo, stored, now, message, self, trace=trace, receive_ms=receive_ms)
        with self._lock:
            self._held[number] = _Ticket(upload, pieces, reply)
        self._arrived(upload)
        try:
            self.lane.put(upload, block=False)
        except BaseException:
            with self._lock:
                is_unanswered = self._held.pop(number, None)
            if is_unanswered:
                raise
        return number  # perhaps a stop has answered it meanwhile

    def abandon(self, number: str) -> None:
        """Spare the pipeline what is left to do for a photo: nobody waits for it."""
        with self._lock:
            ticket = self._held.get(number)
            if ticket:
                ticket.is_wanted, ticket.pieces = False, None

    def wants(self, upload: Upload) -> bool:
        """Whether anybody still waits for the photo's result."""
        ticket = self._held.get(upload.message.message_id)
        return ticket is not None and ticket.is_wanted

    def fetch(self, upload: Upload, max_bytes: int, alive: Callable[[], None]) -> Fetched:  # noqa: ARG002 - the body was bounded
        """Hand out the photo's bytes, once; store them before, where that is asked for.

        Raises AbandonedError, and what Storage does.
        """
        pieces = self._take(upload.message.message_id)
        if self.storage is None:
            return Fetched(pieces, sha256=upload.object.sha256)
        alive()
        return self.storage.put_once(upload.object, pieces)

    def answer(self, outcome: Outcome, result: Result | None) -> None:
        """Let the request have its answer."""
        with self._lock:
            ticket = self._held.pop(outcome.message.message_id, None)
        if ticket:
            ticket.reply(outcome, result)

    def _take(self, number: str) -> Pieces:
        with self._lock:
            ticket = self._held.get(number)
            pieces = ticket.pieces if ticket else None
            if ticket:
                ticket.pieces = None
        if pieces is None:
            raise AbandonedError("nobody waits for it")
        return pieces

    def settle(self, outcomes: list[Outcome]) -> None:
        """There is no message to delete."""

    def release_all(self) -> int:
        """Give up all that is not answered; returns how many there were."""
        with self._lock:
            left = list(self._held.values())
        for ticket in left:
            error = StoppingError("the worker has stopped")
            self.answer(Failed(ticket.upload, error, {}, self._clock()), None)
        return len(left)
