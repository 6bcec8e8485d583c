"""Redis for the state machine: the real one, or its rules in Python; it fails on command and is watched."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tests.support.fakes import MemoryStore
from tests.support.history.events import Published
from tests.support.overtaken import answer_to, as_written, in_order
from worker.errors import StoreError
from worker.messages import Answer, PhotoId, S3Object, Written
from worker.photos.looks import Look
from worker.result import Result
from worker.results.content import is_same_content
from worker.results.store import ResultStore, Tries


class TwinStore(MemoryStore):
    """The rules of Redis's scripts in Python, without duplicates. A test holds the two together."""

    def __init__(self) -> None:
        super().__init__()
        self.written: Counter[str] = Counter()  # by the name of the photo

    def find(self, photos: Sequence[PhotoId]) -> list[Result | None]:
        return [self.results.get(_name(photo)) for photo in photos]

    def find_original(self, photo: PhotoId, sha256: str) -> Result | None:
        own = [r for r in self.results.values() if (r.owner or "") == photo.owner]
        others = [r for r in own if r.image_id != photo.image_id and r.error is None]
        return next((result for result in others if result.source.sha256 == sha256), None)

    def find_look_alike(self, photo: PhotoId, look: Look) -> Result | None:
        return None

    def write(
        self, results: Sequence[Result], seen: Sequence[str], begun: Sequence[datetime | None] = ()
    ) -> list[Written]:
        return [self._write(*pair) for pair in zip(results, seen, strict=True)]

    def note_order(self, photo: PhotoId, s3_object: S3Object) -> bool:
        stored = self.results.get(_name(photo))
        if stored is None or not is_same_content(stored.source, s3_object):
            return False
        self.results[_name(photo)] = in_order(stored, s3_object, surely=True)
        return True

    def _write(self, result: Result, seen: str) -> Written:
        name = _name(PhotoId(result.image_id, result.owner or ""))
        stored = self.results.get(name)
        answer = answer_to(stored, result, seen)
        if answer is Answer.WRITTEN:
            self.results[name] = made = as_written(stored, result)
            self.written[name] += 1
            return Written(answer, stored=made)
        if stored and answer is Answer.KNOWN:
            self.results[name] = in_order(stored, result.source)
        if not stored or answer is not Answer.KNOWN:
            return Written(answer)
        return Written(Answer.WRITTEN if stored.is_of_same_try(result) else answer, stored=stored)


@dataclass(eq=False)
class WatchedStore:
    """Any store, with faults: `away`, and `forgets`, which writes but loses the answer."""

    inner: ResultStore
    clock: Callable[[], float]
    faults: set[str] = field(default_factory=set)
    published: list[Published] = field(default_factory=list)
    unconfirmed: list[Published] = field(default_factory=list)  # those of them whose answer was lost

    def find(self, photos: Sequence[PhotoId]) -> list[Result | None]:
        self._answer()
        return self.inner.find(photos)

    def find_original(self, photo: PhotoId, sha256: str) -> Result | None:
        self._answer()
        return self.inner.find_original(photo, sha256)

    def find_look_alike(self, photo: PhotoId, look: Look) -> Result | None:
        self._answer()
        return self.inner.find_look_alike(photo, look)

    def write(
        self, results: Sequence[Result], seen: Sequence[str], begun: Sequence[datetime | None] = ()
    ) -> list[Written]:
        self._answer()
        before = len(self.published)
        moments = begun or [None] * len(results)
        answers = [self._write(*one) for one in zip(results, seen, moments, strict=True)]
        if "forgets" in self.faults:
            self.unconfirmed += self.published[before:]
            raise StoreError("the answer is lost")
        return answers

    def note_order(self, photo: PhotoId, s3_object: S3Object) -> bool:
        self._answer()
        return self.inner.note_order(photo, s3_object)

    def begin_trial(self, message_id: str) -> None:
        self._answer()
        self.inner.begin_trial(message_id)

    def note_survived(self, message_ids: Sequence[str]) -> None:
        self._answer()
        self.inner.note_survived(message_ids)

    def tries(self, message_ids: Sequence[str]) -> list[Tries]:
        self._answer()
        return self.inner.tries(message_ids)

    def _write(self, result: Result, seen: str, begun: datetime | None) -> Written:
        photo = PhotoId(result.image_id, result.owner or "")
        before = self.inner.find([photo])
        (written,) = self.inner.write([result], [seen], [begun])
        after = self.inner.find([photo])
        if after[0] and (before[0] is None or in_order(before[0], after[0].source) != after[0]):
            self.published.append(Published(self.clock(), photo, after[0]))
        return written

    def _answer(self) -> None:
        if "away" in self.faults:
            raise StoreError("Redis does not answer")


def _name(photo: PhotoId) -> str:
    return f"{photo.owner}/{photo.image_id}" if photo.owner else photo.image_id
