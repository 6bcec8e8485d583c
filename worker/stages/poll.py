"""poll: receive messages, read what they announce, hand on the photos to score."""

import re
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sized
from dataclasses import dataclass, replace
from typing import Protocol

from worker.errors import NotOursError, Part, QueueError, StoreError
from worker.intake import events
from worker.intake.events import Announced, Ignored
from worker.intake.turns import QuietSource, Turns
from worker.messages import Known, Message, Outcome, Skipped, Source, Upload
from worker.pipeline.outages import Outages, Place
from worker.pipeline.queues import SLICE, BoundedQueue
from worker.result import Result
from worker.results.known import is_put_after, makes_needless, puts_again, state, to_fetch
from worker.results.store import ResultStore
from worker.telemetry.counters import Telemetry

RECEIVE_MOST = 10  # SQS's limit
ROOM_WAIT = 1.0  # seconds until a full queue is looked at again
REST = 1.0  # seconds until a spare receiver looks whether it is needed


class MessageSource(Source, QuietSource, Protocol):
    """A source that is polled."""

    def receive(self, most: int) -> list[Message]:
        """Wait for 1 … `most` messages, up to the long poll's time. Raises QueueError."""

    def give_back(self, messages: list[Message]) -> None:
        """Make messages visible again at once."""


@dataclass(kw_only=True, eq=False)
class Poll:
    """Each step receives as many messages as there is room for."""

    source: MessageSource
    results: ResultStore
    uploads: BoundedQueue[Upload | Outcome]
    buckets: Collection[str]  # photos from other buckets are refused
    image_id_pattern: re.Pattern[str]
    models: Callable[[], Mapping[str, str]]  # serving now, name → version
    telemetry: Telemetry
    outages: Outages
    held: Sized  # photos that wait for S3
    stopping: threading.Event
    turns: Turns  # of messages that are worked alone
    is_behind: Callable[[], bool] = lambda: False  # whether messages wait to be deleted

    def __post_init__(self) -> None:
        # Full receives cost the fewest calls, but half a queue must stay filled for the helpers.
        self.room_needed = min(RECEIVE_MOST, max(1, self.uploads.maxsize // 2))
        self._buckets: list[Place] = [(Part.STORAGE, bucket) for bucket in self.buckets]
        self._starving = threading.Event()  # one receiver is not enough

    def step(self) -> None:
        """Receive, read and hand on. Raises ShutDown once the queue to `infer` is closed."""
        if self._has_given_up() or self._must_rest() or self.turns.step():
            return
        self._poll()

    def step_beside(self) -> None:
        """Receive too while one receiver cannot keep the helpers busy. Otherwise rest a moment."""
        if not self._has_given_up() and self._starving.wait(REST) and not self._must_rest():
            self._poll()

    def _has_given_up(self) -> bool:
        """Whether the worker stops. Then others can have what waits for its turn."""
        stops = self.stopping.is_set()
        if stops:
            self.source.give_back(self.turns.give_up())
        return stops

    def _must_rest(self) -> bool:
        """Pause in an outage. Returns whether nothing may be received after it."""
        pause = self.outages.pause(*self._needed())
        if self._rest(pause):
            return True
        probes = len(self.held) > 0 and self._storage_is_away()
        must_rest = not pause and (probes or self.is_behind())
        if must_rest:
            self._rest(REST)  # photos that wait probe S3: one message for each of their tries is enough
        return must_rest

    def _poll(self) -> None:
        room = self.uploads.room(self.room_needed, timeout=ROOM_WAIT)
        if room:
            most = min(room, RECEIVE_MOST)
            self.uploads.alive()  # a receive may take long, and so may the look-ups after it
            messages = self._receive(most)
            self.uploads.alive()
            if self.stopping.is_set():  # other workers can have what the last long poll brought
                self.source.give_back(messages)
                return
            self._judge_supply(asked=most, received=len(messages))
            items = [item for message in messages for item in self._read(message)]
            new = self.turns.take_out(list(self._drop_known(items)))
            for item in new:
                if isinstance(item, Upload):
                    self.telemetry.moved(item, "arrived")
            self.uploads.put_all(new)

    def _needed(self) -> list[Place]:
        """What must not be away for a full receive, or the next turn, to make sense."""
        buckets = self._buckets if self._storage_is_away() else []
        return [Part.QUEUE, Part.MODEL, *buckets, *([Part.STORE] if self.turns.pending else [])]

    def _storage_is_away(self) -> bool:
        """Whether no bucket can be read."""
        return all(self.outages.ongoing(bucket) for bucket in self._buckets)

    def _rest(self, seconds: float) -> bool:
        """Wait, showing signs of life. Returns whether a stop ended the wait."""
        while seconds > 0:
            self.uploads.alive()
            if self.stopping.wait(min(seconds, SLICE)):
                return True
            seconds -= SLICE
        return False

    def _judge_supply(self, asked: int, received: int) -> None:
        """Call more receivers in when a full receive found the queue empty.

        In an outage a single receiver asks for one message at a time.
        """
        if received < asked or self.outages.ongoing(*self._needed()):
            self._starving.clear()
        elif self.uploads.empty():
            self._starving.set()

    def _receive(self, most: int) -> list[Message]:
        """Receive. In an outage, one message is enough to find out whether it is over."""
        single = self.turns.careful or self.outages.ongoing(*self._needed())
        try:
            messages = self.source.receive(1 if single else most)
        except QueueError as error:
            self.outages.note_failure(Part.QUEUE, str(error))
            self.telemetry.warn("receive_failed", code=error.code, reason=str(error))
            return []
        self.outages.note_success(Part.QUEUE)
        return messages

    def _read(self, message: Message) -> Iterator[Upload | Skipped]:
        records = events.read(message.body)
        if len(records) != message.records:
            message = replace(message, records=len(records))
        for number, record in enumerate(records):
            yield self._read_record(message, record, number)

    def _read_record(self, message: Message, record: events.Record, number: int) -> Upload | Skipped:
        match record:
            case Ignored(what):
                self.telemetry.event("ignored", what=what, message_id=message.message_id)
                return Skipped(message, self.source)
            case Announced():
                try:
                    return self._upload(message, record, number)
                except NotOursError as error:
                    return self._leave(message, error)
            case NotOursError():
                return self._leave(message, record)

    def _upload(self, message: Message, record: Announced, number: int) -> Upload:
        photo = record.photo(self.buckets, self.image_id_pattern)
        is_request = record.object.sequencer is None
        trace = {"traceparent": message.traceparent} if message.traceparent else {}
        return Upload(
            photo,
            record.object,
            record.uploaded_at,
            message,
            self.source,
            record=number,
            is_request=is_request,
            trace=trace,
        )

    def _leave(self, message: Message, error: NotOursError) -> Skipped:
        self.telemetry.warn(
            "left_to_dead_letter_queue",
            message_id=message.message_id,
            code=error.code,
            reason=str(error),
            receive_count=message.receive_count,
        )
        return Skipped(message, self.source, error)

    def _drop_known(self, items: list[Upload | Skipped]) -> Iterator[Upload | Outcome]:
        """Let photos that were scored before pass the model by.

        This only saves work. The write into the store decides for good.
        """
        uploads = [item for item in items if isinstance(item, Upload)]
        models, stored = self.models(), iter(self._find(uploads))
        for item in items:
            result = next(stored) if isinstance(item, Upload) else None
            if not isinstance(item, Upload) or result is None:
                yield item
            elif makes_needless(result, item.object, models) and self._is_in_order(item, result):
                self.telemetry.event("already_scored", image_id=item.photo.image_id, **item.trace)
                yield Known(item)
            else:
                yield replace(
                    item,
                    object=to_fetch(result, item.object),
                    event=item.object,
                    seen=state(result),
                    is_newest=is_put_after(result, item.uploaded_at),
                )

    def _is_in_order(self, upload: Upload, stored: Result) -> bool:
        """Note that the stored content was put again. False if that is due and cannot be done now."""
        if not puts_again(stored, upload.object, upload.uploaded_at):
            return True
        self.uploads.alive()
        try:
            return self.results.note_order(upload.photo, upload.object)
        except StoreError as error:
            self.telemetry.warn("look_up_failed", reason=str(error))
            return False

    def _find(self, uploads: list[Upload]) -> list[Result | None]:
        try:
            return self.results.find([upload.photo for upload in uploads])
        except StoreError as error:
            self.telemetry.warn("look_up_failed", reason=str(error))
            return [None] * len(uploads)
