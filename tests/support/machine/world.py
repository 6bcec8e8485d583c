"""The world of the state machine: photos are put, announced and deleted; workers share the services."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from tests.support import bodies
from tests.support.fakes import ManualClock
from tests.support.history.events import Asked, Deleted, Event, Put
from tests.support.machine.redis import WatchedStore
from tests.support.machine.s3 import BUCKET, NULL, Bucket
from tests.support.machine.sqs import VisibilityQueue
from tests.support.machine.worker import DISLIKED, ENDLESS, FATAL, MAX_BYTES, Services, StepwiseWorker
from tests.support.stage_rig import photo as make_photo
from worker.errors import NotOursError
from worker.intake import events
from worker.intake.events import Announced
from worker.messages import PhotoId, S3Object
from worker.result import timestamp
from worker.results.store import ResultStore

RECEIVES = 6  # until a message is a dead letter
TIMES: dict[str, tuple[int, dict[str, int]]] = {  # visibility timeout and settings
    "short": (20, {"lease_most": 100, "retry_delay": 1, "retry_delay_max": 8}),
    "default": (60, {}),
}
OWNERS = ("anna", "bert")
KINDS: dict[str, Callable[[int], bytes]] = {
    "good": lambda number: make_photo(4, number % 5),  # some have the same bytes
    "refused by the model": lambda number: make_photo(DISLIKED, number % 3),
    "broken": lambda _: b"text",
    "empty": lambda _: b"",
    "too large": lambda number: bytes([number % 2]) * (MAX_BYTES + 1),
}
FATAL_KINDS: dict[str, bytes] = {"fatal": make_photo(FATAL), "endless": make_photo(ENDLESS)}
FATAL_PHOTO = PhotoId(f"{99:08d}-0000-4000-8000-000000000000", "anna")  # put and announced once, if ever


def photo_number(owner: str, number: int) -> PhotoId:
    """A photo. Both owners have photos of each number; those of even numbers have the same id."""
    own = 0 if number % 2 == 0 else OWNERS.index(owner) + 1
    return PhotoId(f"{number:08d}-{own:04d}-4000-8000-000000000000", owner)


def key_of(photo: PhotoId) -> str:
    return f"{photo.owner}/{photo.image_id}.jpg"


def photo_of(key: str) -> PhotoId:
    owner, _, name = key.partition("/")
    return PhotoId(name.removesuffix(".jpg"), owner)


def objects_in(body: str) -> list[S3Object]:
    """The objects that a body announces."""
    return [record.object for record in events.read(body) if isinstance(record, Announced)]


def photos_in(body: str) -> list[PhotoId]:
    """The photos that a body announces."""
    return [photo_of(one.key) for one in objects_in(body)]


@dataclass(eq=False)
class World:
    """Services, photos and messages. `versions`: of the models that each worker serves."""

    inner: ResultStore
    times: str
    versions: Sequence[Mapping[str, str]]
    history: list[Event] = field(default_factory=list)
    kinds: dict[PhotoId, str] = field(default_factory=dict)  # of what was put last
    last: dict[PhotoId, bytes] = field(default_factory=dict)  # sent last, either way
    bodies: list[str] = field(default_factory=list)  # all that was announced
    late: list[str] = field(default_factory=list)  # announced, not yet in the queue

    def __post_init__(self) -> None:
        self.clock, self.bucket = ManualClock(), Bucket()
        self.timeout, settings = TIMES[self.times]
        self.store = WatchedStore(self.inner, self.clock)
        self.queue = VisibilityQueue(
            clock=self.clock,
            timeout=self.timeout,
            most_receives=RECEIVES,
            is_done=self._is_done,
            records=lambda body: len(objects_in(body)),
            heard=self._note_asked,
        )
        self._services = Services(self.queue, self.bucket, self.store, settings, self.history)
        self._made = 0
        self._put_at: dict[str | None, str] = {}  # by sequencer

    def worker(self, which: int, room: int) -> StepwiseWorker:
        """Start a worker with memory for `room` photos at a time."""
        return StepwiseWorker(self._services, self.versions[which], room=room)

    def put(self, photo: PhotoId, kind: str) -> S3Object:
        """Put a photo; what S3 announces of it."""
        data = self.bytes_of(kind)
        stored = self.bucket.put(key_of(photo), data)
        self.kinds[photo], self.last[photo] = kind, data
        self._put_at[stored.sequencer] = timestamp(self.clock.now())
        sha256 = hashlib.sha256(data).hexdigest()
        self.history.append(Put(self.clock(), photo, replace(stored, sha256=sha256)))
        return stored

    def bytes_of(self, kind: str) -> bytes:
        """A photo of this kind; no two in a row are the same."""
        self._made += 1
        return FATAL_KINDS.get(kind) or KINDS[kind](self._made)

    def delete(self, photo: PhotoId) -> None:
        self.bucket.delete(key_of(photo))
        self.history.append(Deleted(self.clock(), photo))

    def announce(self, *stored: S3Object, late: bool = False) -> None:
        """Let S3 announce objects in one message. A version "null" may be left out, or not."""
        records = [
            bodies.notification(
                BUCKET,
                one.key,
                eTag=one.etag,
                size=one.size,
                sequencer=one.sequencer,
                **({"versionId": one.version_id} if one.version_id else {}),
            )["Records"][0]
            | {"eventTime": self._put_at[one.sequencer]}
            for one in stored
        ]
        self._send(json.dumps({"Records": records}), late)

    def request(self, stored: S3Object, *, late: bool = False) -> None:
        """Let the API ask for a score, as worker/client.py does."""
        fields = {n: v for n, v in asdict(stored).items() if n in {"version_id", "etag"} and v}
        put_at = self._put_at[stored.sequencer]
        self._send(json.dumps(bodies.direct(BUCKET, stored.key, uploaded_at=put_at, **fields)), late)

    def is_deleted(self, photo: PhotoId) -> bool:
        own = [event for event in self.history if isinstance(event, Put | Deleted) and event.photo == photo]
        return isinstance(own[-1], Deleted)

    def dead(self) -> set[PhotoId]:
        """Photos with a message that is a dead letter."""
        return {photo for body in self.queue.dead for photo in photos_in(body)}

    def _send(self, body: str, late: bool) -> None:
        self.bodies.append(body)
        if late:
            self.late.append(body)
        else:
            self.queue.send(body)

    def _note_asked(self, body: str) -> None:
        self.history += [Asked(self.clock(), photo) for photo in photos_in(body)]

    def _is_done(self, body: str) -> bool:
        """Whether all that a body announces has a result, of what it announces or of what was put since."""
        is_ours = not any(isinstance(record, NotOursError) for record in events.read(body))
        return is_ours and all(self._has_result(one) for one in objects_in(body))

    def _has_result(self, announced: S3Object) -> bool:
        photo = photo_of(announced.key)
        (stored,) = self.inner.find([photo])
        own = [event for event in self.history if isinstance(event, Put | Deleted) and event.photo == photo]
        first = next(
            (
                n
                for n, e in enumerate(own)
                if isinstance(e, Put) and _content(e.object) == _content(announced)
            ),
            0,
        )
        since = own[first:]
        if stored is None or any(isinstance(event, Deleted) for event in since):
            return stored is not None  # it may have been gone when it was read
        named = {stored.source.etag, stored.source.sha256}
        return any(isinstance(e, Put) and {e.object.etag, e.object.sha256} & named for e in since)


def _content(one: S3Object) -> str | None:
    return one.version_id if one.version_id not in {None, NULL} else one.etag
