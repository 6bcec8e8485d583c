"""Fakes for the parts around a stage, named for what they do."""

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.support.overtaken import in_order
from worker.decoders.decoder import Decoded
from worker.errors import BatchTooLargeError, MessageError, ModelError, QueueError, StoreError
from worker.inference.bundle import Bundle
from worker.inference.manifest import Manifest
from worker.messages import Answer, Fetched, Message, Outcome, Outputs, PhotoId, S3Object, Upload, Written
from worker.photos.decoding import Target
from worker.photos.hashes import PHASH
from worker.photos.looks import Look
from worker.photos.opening import open_photo
from worker.photos.thumbnails import decode_cheapest
from worker.result import Result
from worker.results.content import is_same_content
from worker.results.store import Tries, look_of

START = datetime(2026, 1, 1, tzinfo=UTC)


class ManualClock:
    """Monotonic seconds that a test moves. `now()` is the wall clock beside it."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds - 1000.0)


def message(body: str = "", *, number: int = 1, records: int = 1, receive_count: int = 1) -> Message:
    return Message(
        message_id=f"message-{number}",
        receipt_handle=f"handle-{number}",
        body=body,
        receive_count=receive_count,
        sent_at=START,
        received_at=START,
        received=1000.0,
        records=records,
    )


class ImpatientEvent(threading.Event):
    """An event whose `wait` returns at once and records the timeout."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return self.is_set()


class InlineDecoder:
    """Decodes in the caller's thread: tests of stages need no process."""

    def __init__(self, target: Target, *, max_bytes: int = 1_000_000, max_pixels: int = 1_000_000) -> None:
        self.target, self.max_bytes, self.max_pixels = target, max_bytes, max_pixels
        self.algorithm = PHASH

    def decode(
        self, pieces: Sequence[bytes], sha256: str | None = None, alive: Callable[[], None] = lambda: None
    ) -> Decoded:
        data = b"".join(pieces)
        photo = open_photo(data, self.max_pixels)
        pixels, look, decoded = decode_cheapest(photo, data, self.target)
        return Decoded(pixels, look, 0.0, decoded)


class ScriptedSource:
    """Returns the given messages and photos, and records the settled outcomes."""

    def __init__(
        self, messages: Iterable[Message] = (), photos: dict[str, bytes | MessageError] | None = None
    ) -> None:
        self.waiting = list(messages)
        self.photos = photos or {}
        self.asked_for: list[int] = []
        self.settled: list[Outcome] = []
        self.calls: list[int] = []  # outcomes in each call that settled some
        self.answered: list[tuple[Outcome, Result | None]] = []
        self.is_patient = True
        self.unwanted: set[str] = set()  # image ids
        self.given_back: list[Message] = []
        self.failures: list[QueueError] = []
        self.fetched: list[str] = []  # keys
        self.under_lease: dict[str, Message] = {}  # by message id
        self.paused = False
        self.meanwhile: Callable[[], None] = lambda: None  # happens during a receive
        self.waits: Callable[[], None] = lambda: None  # happens while something is held

    def receive(self, most: int) -> list[Message]:
        self.asked_for.append(most)
        self.meanwhile()
        if self.failures:
            raise self.failures.pop(0)
        given, self.waiting = self.waiting[:most], self.waiting[most:]
        self.under_lease |= {message.message_id: message for message in given}
        return given

    def give_back(self, messages: list[Message]) -> None:
        self.given_back += messages
        self._end_leases(messages)

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def held(self) -> list[Message]:
        return [*self.under_lease.values()]

    def is_idle(self, besides: Collection[Message], timeout: float) -> bool:
        if self.under_lease.keys() <= {message.message_id for message in besides}:
            return True
        self.waits()
        return False

    def fetch(self, upload: Upload, max_bytes: int, alive: Callable[[], None] = lambda: None) -> Fetched:
        self.fetched.append(upload.object.key)
        photo = self.photos[upload.object.key]
        if isinstance(photo, MessageError):
            raise photo
        return Fetched([photo], f"etag-of-{upload.object.key}", sha256=hashlib.sha256(photo).hexdigest())

    def wants(self, upload: Upload) -> bool:
        return upload.photo.image_id not in self.unwanted

    def answer(self, outcome: Outcome, result: Result | None) -> None:
        self.answered.append((outcome, result))

    def settle(self, outcomes: list[Outcome]) -> None:
        self.settled += outcomes
        self.calls.append(len(outcomes))
        self._end_leases(outcome.message for outcome in outcomes)

    def _end_leases(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self.under_lease.pop(message.message_id, None)

    def upload(self, image_id: str, *, number: int = 1, size: int | None = None) -> Upload:
        """An upload of this source whose key is its id."""
        stored = S3Object(bucket="photos", key=image_id, size=size)
        return Upload(PhotoId(image_id), stored, START, message(number=number), self)


class MemoryStore:
    """Keeps results in a dictionary. `away`: every call fails, as if Redis did not answer."""

    def __init__(self) -> None:
        self.results: dict[str, Result] = {}
        self.overtaken: set[str] = set()  # image ids whose content was replaced meanwhile
        self.forgotten: dict[str, datetime] = {}  # when, by image id
        self.refused: set[str] = set()  # image ids whose results it can never take
        self.trials: set[str] = set()  # message ids
        self.survived: Counter[str] = Counter()  # receives, by message id
        self.away = False

    def find(self, photos: Sequence[PhotoId]) -> list[Result | None]:
        self._answer()
        return [self.results.get(photo.image_id) for photo in photos]

    def write(
        self, results: Sequence[Result], seen: Sequence[str], begun: Sequence[datetime | None] = ()
    ) -> list[Written]:
        self._answer()
        moments = begun or [None] * len(results)
        answers = [
            self._answer_to(one.image_id, moment) for one, moment in zip(results, moments, strict=True)
        ]
        for result, answer in zip(results, answers, strict=True):
            if answer is Answer.WRITTEN:
                self.results[result.image_id] = result
        return [Written(answer) for answer in answers]

    def note_order(self, photo: PhotoId, s3_object: S3Object) -> bool:
        self._answer()
        stored = self.results[photo.image_id]
        if not is_same_content(stored.source, s3_object):
            return False
        self.results[photo.image_id] = in_order(stored, s3_object, surely=True)
        return True

    def find_original(self, photo: PhotoId, sha256: str) -> Result | None:
        self._answer()
        scored = [r for r in self.results.values() if r.error is None and r.image_id != photo.image_id]
        return next((result for result in scored if result.source.sha256 == sha256), None)

    def find_look_alike(self, photo: PhotoId, look: Look) -> Result | None:
        self._answer()
        others = [r for r in self.results.values() if r.image_id != photo.image_id]
        return next((r for r in others if look_of(r) == look), None)

    def _answer_to(self, image_id: str, begun: datetime | None) -> Answer:
        if image_id in self.forgotten and not (begun and begun > self.forgotten[image_id]):
            return Answer.FORGOTTEN
        if image_id in self.refused:
            return Answer.REFUSED
        return Answer.OVERTAKEN if image_id in self.overtaken else Answer.WRITTEN

    def begin_trial(self, message_id: str) -> None:
        self._answer()
        self.trials.add(message_id)

    def note_survived(self, message_ids: Sequence[str]) -> None:
        self._answer()
        self.survived.update(message_ids)
        self.trials.difference_update(message_ids)

    def tries(self, message_ids: Sequence[str]) -> list[Tries]:
        self._answer()
        return [Tries(self.survived[one], one in self.trials) for one in message_ids]

    def _answer(self) -> None:
        if self.away:
            raise StoreError("Redis does not answer")


class ProcessEndedError(BaseException):
    """Raised in place of the end of a worker's process: nothing of it goes on."""


class PickyModel:
    """Scores a photo by its first pixel's red value. Refuses batches with a photo it dislikes, or all if `away`.

    It dies of some.
    """

    def __init__(
        self,
        *,
        dislikes: int = -1,
        dies_of: int = -1,
        largest_batch: int = 8,
        name: str = "picky",
        side: int = 4,
    ) -> None:
        self.dislikes = dislikes
        self.dies_of = dies_of
        self.largest_batch = largest_batch
        self.batches: list[int] = []
        self.away = False
        self.bundle = score_bundle(name, side)

    def predict(self, batch: npt.NDArray[np.uint8]) -> Outputs:
        self.batches.append(len(batch))
        scores = batch[:, 0, 0, 0]
        if (scores == self.dies_of).any():
            raise ProcessEndedError
        if self.away or (scores == self.dislikes).any():
            raise ModelError("there is a photo I dislike")
        return {"score": scores.astype(np.float32)}


class ForgetfulModel(PickyModel):
    """Answers for one photo less than it got."""

    def predict(self, batch: npt.NDArray[np.uint8]) -> Outputs:
        return {role: rows[1:] for role, rows in super().predict(batch).items()}


class CrampedModel(PickyModel):
    """Has memory for `room` photos at a time."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def predict(self, batch: npt.NDArray[np.uint8]) -> Outputs:
        outputs = super().predict(batch)
        if len(batch) > self.room:
            raise BatchTooLargeError("no memory left")
        return outputs


def score_bundle(name: str, side: int) -> Bundle:
    """A bundle of a model that outputs a number, for photos of `side` × `side` pixels."""
    manifest = Manifest.model_validate(
        {
            "format": 1,
            "name": name,
            "input": {"height": side, "width": side, "fit": "squash"},
            "outputs": {"score": "score"},
        }
    )
    return Bundle(path=Path(name), version="1", manifest=manifest)


class Gate:
    """A step that waits until a test opens the gate, ten seconds at most."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self._then = then
        self.reached = threading.Event()
        self.open = threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        if not self.open.wait(10):
            raise TimeoutError("nobody opened the gate")
        self._then()
