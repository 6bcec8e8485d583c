"""Redis for the state machine: the real one, or its rules in Python; it fails on command and is watched."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.support.history.events import Published
from tests.support.overtaken import answer_to
from worker.errors import StoreError
from worker.messages import Answer, PhotoId, Written
from worker.result import Result
from worker.results.store import ResultStore, Tries


class TwinStore:
    """The rules of Redis's scripts in Python, without duplicates. A test holds the two together."""

    def __init__(self) -> None:
        self.results: dict[PhotoId, Result] = {}
        self.trials: set[str] = set()  # message ids
        self.survived: Counter[str] = Counter()  # receives, by message id

    def find(self, photos: Sequence[PhotoId]) -> list[Result | None]:
        return [self.results.get(photo) for photo in photos]

    def find_original(self, photo: PhotoId, sha256: str) -> Result | None:
        others = [r for p, r in self.results.items() if p != photo and p.owner == photo.owner]
        return next((r for r in others if r.error is None and r.source.sha256 == sha256), None)

    def find_look_alike(self, photo: PhotoId, image_hash: str) -> Result | None:
        return None

    def write(self, results: Sequence[Result], seen: Sequence[str]) -> list[Written]:
        return [Written(self._write(*pair)) for pair in zip(results, seen, strict=True)]

    def begin_trial(self, message_id: str) -> None:
        self.trials.add(message_id)

    def note_survived(self, message_ids: Sequence[str]) -> None:
        self.survived.update(message_ids)
        self.trials.difference_update(message_ids)

    def tries(self, message_ids: Sequence[str]) -> list[Tries]:
        return [Tries(self.survived[one], one in self.trials) for one in message_ids]

    def _write(self, result: Result, seen: str) -> Answer:
        photo = PhotoId(result.image_id, result.owner or "")
        stored = self.results.get(photo)
        answer = answer_to(stored, result, seen)
        if answer is Answer.WRITTEN:
            self.results[photo] = result
        was_written = answer is Answer.KNOWN and stored and stored.is_of_same_try(result)
        return Answer.WRITTEN if was_written else answer


@dataclass(eq=False)
class WatchedStore:
    """Any store, with faults: `away`, and `forgets`, which writes but loses the answer."""

    inner: ResultStore
    clock: Callable[[], float]
    faults: set[str] = field(default_factory=set)
    published: list[Published] = field(default_factory=list)

    def find(self, photos: Sequence[PhotoId]) -> list[Result | None]:
        self._answer()
        return self.inner.find(photos)

    def find_original(self, photo: PhotoId, sha256: str) -> Result | None:
        self._answer()
        return self.inner.find_original(photo, sha256)

    def find_look_alike(self, photo: PhotoId, image_hash: str) -> Result | None:
        self._answer()
        return self.inner.find_look_alike(photo, image_hash)

    def write(self, results: Sequence[Result], seen: Sequence[str]) -> list[Written]:
        self._answer()
        answers = [self._write(*pair) for pair in zip(results, seen, strict=True)]
        if "forgets" in self.faults:
            raise StoreError("the answer is lost")
        return answers

    def begin_trial(self, message_id: str) -> None:
        self._answer()
        self.inner.begin_trial(message_id)

    def note_survived(self, message_ids: Sequence[str]) -> None:
        self._answer()
        self.inner.note_survived(message_ids)

    def tries(self, message_ids: Sequence[str]) -> list[Tries]:
        self._answer()
        return self.inner.tries(message_ids)

    def _write(self, result: Result, seen: str) -> Written:
        photo = PhotoId(result.image_id, result.owner or "")
        before = self.inner.find([photo])
        (written,) = self.inner.write([result], [seen])
        after = self.inner.find([photo])
        if after[0] and after != before:
            self.published.append(Published(self.clock(), photo, after[0]))
        return written

    def _answer(self) -> None:
        if "away" in self.faults:
            raise StoreError("Redis does not answer")
