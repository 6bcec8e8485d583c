"""Results in Redis, written in one step with the index and published."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Self

from worker.adapters.redis.announcements import Announcements, subscribe
from worker.adapters.redis.calls import Call, Refused, Script
from worker.adapters.redis.index import Index, fingerprint_of
from worker.adapters.redis.nodes import Nodes
from worker.adapters.redis.subscriber import Subscriber
from worker.errors import ConfigurationError, ResultRefusedError
from worker.messages import Answer, PhotoId, S3Object, Written
from worker.photos import looks
from worker.photos.looks import Look
from worker.result import DuplicateOf, Result, SourceObject, parse
from worker.results import look_alikes
from worker.results.look_alikes import DuplicateRule
from worker.results.redis_keys import Keys
from worker.results.store import Tries, look_of

LOT = 500  # photos read together
NOTE_EXPIRY = 86_400  # seconds: longer than a message stays hidden after its worker has died
TRIAL = " trial"  # ends the note of a message that a worker tries alone
_UNDECIDED = '"duplicate_of":null'  # in a result's JSON, until the script decides

# seconds: no queue keeps a message for more than two weeks, and a redrive gives it two more
FORGOTTEN_FOR = 2_419_200

_WRITE, _ORDER = Script("rules", "entries", "write"), Script("rules", "order")
_FORGET = Script("entries", "forget")


@dataclass(eq=False)
class RedisStore:
    """Thread-safe. Its methods raise StoreError."""

    nodes: Nodes
    keys: Keys
    expiry: int  # of results, in seconds
    index: Index

    @classmethod
    def connect(
        cls, url: str, *, keys: Keys, expiry: int, timeout: float, rule: DuplicateRule | None = None
    ) -> Self:
        """Connect to one Redis or a cluster. Raises ConfigurationError.

        `timeout`: seconds to wait for each answer. Without a `rule`, only read and forget.
        """
        nodes = Nodes.connect(url, timeout)
        if nodes.is_cluster and not keys.has_tag:
            raise ConfigurationError(
                "this Redis is a cluster: WORKER_RESULT_KEY needs a hash tag, which keeps all keys of a "
                "script in one slot, such as {photos}:result:{image_id}"
            )
        return cls(nodes, keys, expiry, Index(nodes, keys, rule or DuplicateRule(radius=0, window=0)))

    def find(self, photos: Sequence[PhotoId]) -> list[Result | None]:
        """Find the stored result of each photo. None also for a value that is not a result."""
        return [parse(text) for text in self.nodes.get([self.keys.result(photo) for photo in photos])]

    def find_original(self, photo: PhotoId, sha256: str) -> Result | None:
        """Find the result of another photo with these bytes, the first or the latest: one with its colours."""
        found = [
            result  # others were overwritten, or belong to another owner
            for result in self.find(self.index.find_same_bytes(photo, sha256))
            if result and _owner(result) == photo.owner and result.source.sha256 == sha256
        ]
        whole = (result for result in found if look_of(result).is_whole)
        return next(whole, found[0] if found else None)

    def find_look_alike(self, photo: PhotoId, look: Look) -> Result | None:
        """Find the result of the oldest other photo within the radius that has the same colours."""
        look_alike = self.index.find_look_alike(photo, look)
        result = self.find([look_alike])[0] if look_alike else None
        if result is None or _owner(result) != photo.owner:
            return None
        distance = look_alikes.distance(look.image_hash, result.image_hash)
        is_near = distance is not None and distance <= self.index.rule.radius
        return result if is_near and looks.are_alike(look.image_colours, result.image_colours) else None

    def write(
        self, results: Sequence[Result], seen: Sequence[str], begun: Sequence[datetime | None] = ()
    ) -> list[Written]:
        """Write and publish each result, and enter its photo into the index, in four calls at most.

        `seen`: the state stored at the look-up. Other content that is stored now may be newer.
        `begun`: when each photo was uploaded or announced. If it was forgotten since, nothing is written.
        """
        moments = begun or [None] * len(results)
        calls = [self._write(*one) for one in zip(results, seen, moments, strict=True)]
        answers = self.nodes.run(calls)
        moved = [number for number, answer in enumerate(answers) if _says(answer, "moved")]
        if moved:  # these photos have other content now: remove their entries, and write again
            photos = [PhotoId(results[number].image_id, _owner(results[number])) for number in moved]
            self.index.try_to_remove(photos)
            again = self.nodes.run([calls[number] for number in moved])
            for number, answer in zip(moved, again, strict=True):
                answers[number] = answer
        return [_written(*pair) for pair in zip(results, answers, strict=True)]

    def note_order(self, photo: PhotoId, s3_object: S3Object) -> bool:
        """Give a stored result the sequencer of a later event of its content. False if it has other content."""
        source = SourceObject.model_validate(s3_object)
        (answer,) = self.nodes.run([Call.of(_ORDER, [self.keys.result(photo)], source.model_dump_json())])
        return bool(answer == 1)

    def begin_trial(self, message_id: str) -> None:
        """Note that a worker tries this message, which may end its process."""
        self._note([message_id], [self.tries([message_id])[0]._replace(unfinished=True)])

    def note_survived(self, message_ids: Sequence[str]) -> None:
        """Note that a worker has come back from a receive of each message, which must be tried again.

        A message is held by one worker at a time, so nobody else writes its note meanwhile.
        """
        self._note(message_ids, [Tries(tries.survived + 1) for tries in self.tries(message_ids)])

    def tries(self, message_ids: Sequence[str]) -> list[Tries]:
        """Find what is known of each message's earlier tries."""
        return [_tries(note) for note in self.nodes.get([self.keys.tries(one) for one in message_ids])]

    def forget(self, photo: PhotoId) -> bool:
        """Delete a photo's result and its entries in the index. False if there was nothing.

        A mark stays: what was uploaded before leaves no result, even if it is in work now.
        """
        names = [self.keys.result(photo), self.keys.index(photo.owner).forgotten(photo.image_id)]
        (answer,) = self.nodes.run([Call.of(_FORGET, names, FORGOTTEN_FOR)])
        if isinstance(answer, Refused):
            raise ResultRefusedError(answer.reason)
        deleted, text = answer
        removed = self.index.remove(photo)
        stored = parse(text)
        content = fingerprint_of(stored) if stored else None
        if content:  # Redis may have lost the record, by which the index finds the rest
            self.index.remove_content(photo, content)
        return bool(deleted) or removed

    def scan(self, other: Keys) -> Iterator[list[tuple[PhotoId, str | None, str | None]]]:
        """Read every photo with a value under `other` keys, in lots, with that value and ours."""
        photos = (photo for name in self.nodes.scan(other.glob) if (photo := other.photo(name)))
        while lot := list(islice(photos, LOT)):
            values = self.nodes.get([keys.result(photo) for keys in (other, self.keys) for photo in lot])
            yield list(zip(lot, values[: len(lot)], values[len(lot) :], strict=True))

    def announcements(self, photo: PhotoId) -> AbstractContextManager[Announcements]:
        """Subscribe to a photo's results."""
        return subscribe(self.nodes, self.keys.result(photo))

    def subscriber(self) -> Subscriber:
        """Make what hears of many photos' results on one connection, without a thread."""
        return Subscriber(self.nodes)

    def _note(self, message_ids: Sequence[str], known: Sequence[Tries]) -> None:
        keys = [self.keys.tries(message_id) for message_id in message_ids]
        notes = [f"{tries.survived}{TRIAL if tries.unfinished else ''}" for tries in known]
        self.nodes.run(
            [Call(key, "SET", key, note, "EX", NOTE_EXPIRY) for key, note in zip(keys, notes, strict=True)]
        )

    def _write(self, result: Result, seen: str, begun: datetime | None) -> Call:
        head, _, tail = result.model_dump_json().partition(_UNDECIDED)
        head += _UNDECIDED.removesuffix("null")
        names, entry = self.index.entry_of(result)
        key = self.keys.result(PhotoId(result.image_id, _owner(result)))
        mark = self.keys.index(_owner(result)).forgotten(result.image_id)
        moment = int(begun.timestamp() * 1_000_000) if begun else ""
        return Call.of(_WRITE, [key, *names, mark], head, tail, self.expiry, seen, *entry, moment)


def _tries(note: str | None) -> Tries:
    survived = (note or "").removesuffix(TRIAL)
    return Tries(int(survived), note != survived) if survived.isdecimal() else Tries()


def _owner(result: Result) -> str:
    return result.owner or ""


def _says(answer: Any, word: str) -> bool:
    return not isinstance(answer, Refused) and answer[0] == word


def _written(result: Result, answer: Any) -> Written:
    if isinstance(answer, Refused):
        return Written(Answer.REFUSED, reason=answer.reason)
    match answer:
        case ["known" | "kept", text]:
            stored = parse(text)
            if stored and stored.is_of_same_try(result):  # written now, or before and the answer was lost
                return Written(Answer.WRITTEN, stored.duplicate_of, stored=stored)
            return Written(Answer.KNOWN, stored=stored)
        case ["written", image_id, distance, kind]:
            return Written(Answer.WRITTEN, DuplicateOf(image_id=image_id, distance=distance, kind=kind))
        case ["written" | "forgotten" as word]:
            return Written(Answer(word))
    return Written(Answer.OVERTAKEN)  # or moved again: another worker changed the photo's entries meanwhile
