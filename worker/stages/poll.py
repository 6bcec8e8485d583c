"""poll: receive messages, tell what they announce, hand on what must be scored."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from worker.errors import ForeignBucketError, NotOursError, QueueError, StoreError
from worker.intake import events
from worker.intake.events import Announced, Ignored
from worker.messages import Message, Outcome, PhotoId, Source, Upload
from worker.pipeline.outages import Outages, Part
from worker.pipeline.queues import BoundedQueue
from worker.result import Result
from worker.results.known import content, is_unordered, makes_needless
from worker.telemetry.counters import Telemetry

RECEIVE_MOST = 10  # SQS's limit
ROOM_WAIT = 1.0  # seconds until a full queue is looked at again
REST = 1.0  # seconds until a receiver that is not needed looks whether it is
NEEDED = (Part.QUEUE, Part.STORAGE, Part.MODEL)  # without them each receive only wears the message out


class MessageSource(Source, Protocol):
    """A source that is polled."""

    def receive(self, most: int) -> list[Message]:
        """Wait for 1 … `most` messages, up to the long poll's time; raises QueueError."""
        ...

    def give_back(self, messages: list[Message]) -> None:
        """Show messages again at once."""
        ...


class Results(Protocol):
    """Where finished results can be looked up."""

    def find(self, photos: Sequence[PhotoId]) -> list[Result | None]:
        """Give the stored result of each photo; raises StoreError."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """Which photos are ours: the buckets they may lie in, and how a key names image id and owner."""

    buckets: frozenset[str]
    image_id_pattern: re.Pattern[str]


class Poll:
    """Each step is one receive of at most as many messages as there is room for."""

    def __init__(
        self,
        *,
        queue: MessageSource,
        results: Results,
        uploads: BoundedQueue[Upload | Outcome],
        rules: Rules,
        models: Callable[[], Mapping[str, str]],
        telemetry: Telemetry,
        outages: Outages,
        stopping: threading.Event,
    ) -> None:
        """`models` tells those that serve now, name → version."""
        self._queue = queue
        self._results = results
        self._uploads = uploads
        self._rules = rules
        self._models = models
        self._telemetry = telemetry
        self._outages = outages
        self._stopping = stopping
        # Full receives, as few as can be; but none so late that the helpers run dry.
        self._wanted = min(RECEIVE_MOST, max(1, uploads.maxsize // 2))
        self._starving = threading.Event()  # one receiver is not enough

    def step(self) -> None:
        """Receive, read and hand on; raises ShutDown once the queue to `infer` is closed."""
        pause = self._outages.pause(*NEEDED)
        if pause and self._stopping.wait(pause):
            return
        room = self._uploads.room(self._wanted, timeout=ROOM_WAIT)
        if room:
            most = min(room, RECEIVE_MOST)
            messages = self._receive(most)
            if self._stopping.is_set():  # what the last long poll brought is for others
                self._queue.give_back(messages)
                return
            self._judge_supply(asked=most, brought=len(messages))
            items = [item for message in messages for item in self._read(message)]
            self._uploads.put_all(self._without_known(items))

    def step_beside(self) -> None:
        """Receive too, as long as one receiver cannot keep the helpers busy; else rest a moment."""
        if self._starving.wait(REST):
            self.step()

    def _judge_supply(self, asked: int, brought: int) -> None:
        """A full receive that came when nothing was left here: more of them must be under way at once.

        In an outage one message at a time is asked for, by one receiver.
        """
        if brought < asked or self._outages.ongoing(*NEEDED):
            self._starving.clear()
        elif self._uploads.empty():
            self._starving.set()

    def _receive(self, most: int) -> list[Message]:
        """In an outage, one message is enough to find out whether it is over."""
        try:
            messages = self._queue.receive(1 if self._outages.ongoing(*NEEDED) else most)
        except QueueError as error:
            self._outages.failed(Part.QUEUE, str(error))
            self._telemetry.warn("receive_failed", code=error.code, reason=str(error))
            return []
        self._outages.worked(Part.QUEUE)
        return messages

    def _read(self, message: Message) -> Iterator[Upload | Outcome]:
        records = events.read(message.body)
        message = replace(message, records=len(records))
        for record in records:
            yield self._judge(message, record)

    def _judge(self, message: Message, record: events.Record) -> Upload | Outcome:
        match record:
            case Ignored(what):
                self._telemetry.event("ignored", what=what, message_id=message.message_id)
                return Outcome(message, self._queue)
            case Announced():
                try:
                    return self._upload(message, record)
                except NotOursError as error:
                    return self._left(message, error)
            case NotOursError():
                return self._left(message, record)

    def _upload(self, message: Message, record: Announced) -> Upload:
        if record.object.bucket not in self._rules.buckets:
            raise ForeignBucketError(
                f"the bucket {record.object.bucket!r} is not on the list of allowed ones"
            )
        photo = events.photo_id(record.object.key, self._rules.image_id_pattern, record.image_id)
        return Upload(
            photo.image_id, record.object, record.uploaded_at, message, self._queue, owner=photo.owner
        )

    def _left(self, message: Message, error: NotOursError) -> Outcome:
        self._telemetry.warn(
            "left_to_dead_letter_queue",
            message_id=message.message_id,
            code=error.code,
            reason=str(error),
            receive_count=message.receive_count,
        )
        return Outcome(message, self._queue, error=error)

    def _without_known(self, items: list[Upload | Outcome]) -> Iterator[Upload | Outcome]:
        """Photos scored before need no model. Only a saving: the write into the store decides for good."""
        uploads, models = [item for item in items if isinstance(item, Upload)], self._models()
        try:
            stored = dict(zip(map(id, uploads), self._results.find([u.photo for u in uploads]), strict=True))
        except StoreError as error:
            self._telemetry.warn("look_up_failed", reason=str(error))
            stored = {}
        for item in items:
            known = stored.get(id(item))
            if isinstance(item, Upload) and known and makes_needless(known, item.object, models):
                self._telemetry.event("already_scored", image_id=item.image_id)
                yield Outcome(item.message, item.source, upload=item)
            elif isinstance(item, Upload) and known:
                yield _to_replace(item, known)
            else:
                yield item


def _to_replace(upload: Upload, stored: Result) -> Upload:
    """Where nobody knows which content is the newer, fetch what lies in the bucket now."""
    wanted = upload.object
    if is_unordered(stored, wanted):
        wanted = replace(wanted, version_id=None, etag=None)
    return replace(upload, object=wanted, seen=content(stored.source))
