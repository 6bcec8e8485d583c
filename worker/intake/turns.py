"""Which messages are worked alone, and whose turn it is.

A message that was received often may be what kills the process: a crash in native code, or no
memory left. Nobody else shall pay for it. So from the receive `alone_after` on, nothing else of
this worker is in work from the moment it is handed on until it is settled, and nothing is received.
Receives that a worker has come back from do not count, as after a fault of S3 or a stop.

What waits for its turn pays a receive if that one kills the process. So a receive asks for one
message only at the start of a worker, and as long as such messages come. If several have come all
the same, the one in work is noted in the store: it goes last the next time. While the store is away
no turn begins: nothing could be noted, and no result be written.
"""

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from worker.errors import Part, StoreError
from worker.messages import Message, Outcome, Upload
from worker.pipeline.outages import Outages
from worker.pipeline.queues import BoundedQueue
from worker.results.store import ResultStore, Tries
from worker.telemetry.counters import Telemetry

STEP = 1.0  # seconds until the poll thread shows again that it lives
# Seconds that a message waits for the rest, and the rest for it. An outage of one bucket may hold
# some photos for an hour: then they go on together.
PATIENCE = 60.0

Item = Upload | Outcome


class QuietSource(Protocol):
    """A source that can stand still."""

    def pause(self) -> None:
        """Begin no receive until `resume`."""

    def resume(self) -> None:
        """Receive again."""

    def held(self) -> list[Message]:
        """Every message that is not settled yet."""

    def is_idle(self, besides: Collection[Message], timeout: float) -> bool:
        """Wait until no receive is under way and nothing but these messages is held. Returns whether that is so."""


@dataclass(slots=True)
class _Turn:
    """A message that must be alone, and the records in it."""

    message: Message
    items: list[Item] = field(default_factory=list)
    company: Sequence[Message] = ()  # held all the same when the turn began


@dataclass(kw_only=True, eq=False)
class Turns:
    """`step` belongs to one thread; the rest is thread-safe."""

    source: QuietSource
    results: ResultStore
    uploads: BoundedQueue[Item]
    telemetry: Telemetry
    outages: Outages
    clock: Callable[[], float]
    alone_after: int
    step_seconds: float = STEP
    patience: float = PATIENCE
    careful: bool = field(default=True, init=False)  # a receive asks for one message

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[_Turn] = []
        self._working: _Turn | None = None
        self._waited = 0.0  # seconds since the last turn began

    def take_out(self, items: Sequence[Item]) -> list[Item]:
        """Keep the messages that must be alone until their turn. Returns the items of the others."""
        turns = self._find_turns(items)
        if items:
            self.careful = bool(turns)
        others = list[Item]()
        for item in items:
            turn = turns.get(item.message.message_id)
            (turn.items if turn else others).append(item)
        with self._lock:
            if not self._waiting and not self._working:
                self._waited = 0.0
            self._waiting += turns.values()
        return others

    def step(self) -> bool:
        """Let the next one have its turn, if it is time. Returns whether nothing may be received now."""
        if not self._working and not self._waiting:
            return False
        self.uploads.room(0, timeout=0.0)  # raises ShutDown once the queue is closed
        self.source.pause()
        if self._is_time():
            self._working = None
            self._begin_next()
        if self._working or self._waiting:
            return True
        self.source.resume()
        return False

    @property
    def pending(self) -> bool:
        """Whether a message waits for its turn."""
        return bool(self._waiting)

    def give_up(self) -> list[Message]:
        """Take the messages that still wait: at a stop others can have them."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            return [turn.message for turn in waiting]

    def _find_turns(self, items: Sequence[Item]) -> dict[str, _Turn]:
        """Decide which messages must be alone, by message id."""
        often = {
            item.message.message_id: item.message
            for item in items
            if isinstance(item, Upload) and item.message.receive_count >= self.alone_after
        }
        return {
            message_id: _Turn(message)
            for (message_id, message), tries in zip(often.items(), self._tries([*often]), strict=True)
            if tries.unfinished or message.receive_count - tries.survived >= self.alone_after
        }

    def _tries(self, message_ids: Sequence[str]) -> list[Tries]:
        """What is known of earlier tries. Nothing without Redis: to wait for it would cost more than care."""
        try:
            return self.results.tries(message_ids) if message_ids else []
        except StoreError:
            return [Tries()] * len(message_ids)

    def _is_time(self) -> bool:
        """Whether nothing else is in work, or has been for so long that the one cannot wait for the other."""
        with self._lock:
            besides = [turn.message for turn in self._waiting]
        if self._working:
            besides += self._working.company
        begun = self.clock()
        if self.source.is_idle(besides, self.step_seconds):
            return True
        if not self.outages.ongoing(Part.STORE, Part.MODEL):  # else nothing is settled, in whatever order
            self._waited += self.clock() - begun
        if self._waited < self.patience:
            return False
        self.telemetry.warn("not_alone", message_id=(self._working or self._waiting[0]).message.message_id)
        return True

    def _begin_next(self) -> None:
        with self._lock:
            waiting = [*self._waiting]
        turn = self._note_next(waiting) if waiting else None
        with self._lock:
            if turn not in self._waiting:  # there is none, or it was given up meanwhile
                return
            self._waiting.remove(turn)
            self._working, self._waited = turn, 0.0
        message = turn.message
        turn.company = [one for one in self.source.held() if one.message_id != message.message_id]
        self.telemetry.event(
            "worked_alone", message_id=message.message_id, receive_count=message.receive_count
        )
        self.uploads.put_all(turn.items)

    def _note_next(self, waiting: Sequence[_Turn]) -> _Turn | None:
        """Choose whose turn begins, and note it. None while the store is away.

        Those that were being tried when a worker ended go last.
        """
        message_ids = [turn.message.message_id for turn in waiting]
        try:
            tries = self.results.tries(message_ids)
            chosen = min(range(len(waiting)), key=lambda number: tries[number].unfinished)
            self.results.begin_trial(message_ids[chosen])
        except StoreError:
            return None
        return waiting[chosen]
