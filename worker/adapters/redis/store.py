"""Redis: results, written atomically and published; the photos seen before."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Self

from pydantic import ValidationError

from worker.adapters.redis.nodes import FAILURES, Call, Nodes, Script, reason
from worker.errors import ConfigurationError, StoreError
from worker.messages import Answer, PhotoId, Written
from worker.result import DuplicateOf, Result
from worker.results import look_alikes
from worker.results.look_alikes import DuplicateRule, Seen
from worker.results.redis_keys import Keys

SUBSCRIBE_WAIT = 5.0  # seconds
LOT = 500  # values read together
TRIES = 5  # to take out of the index what others keep changing
_UNDECIDED = '"duplicate_of":null'  # in a result's JSON, until the script decides

_WRITE = Script("rules", "entries", "write")
_LOOK_UP, _ENTER, _REMOVE = (Script("entries", name) for name in ("look_up", "enter", "remove"))


class ResultStore:
    """Thread-safe. `expiry` of results in seconds."""

    def __init__(self, nodes: Nodes, keys: Keys, expiry: int, index: DuplicateRule) -> None:
        self._nodes = nodes
        self._keys = keys
        self._expiry = expiry
        self._index = index

    @classmethod
    def connect(
        cls, url: str, *, keys: Keys, expiry: int, timeout: float, index: DuplicateRule | None = None
    ) -> Self:
        """Connect to Redis or a cluster, waiting `timeout` seconds for each answer; without an index for reading only.

        Raises ConfigurationError.
        """
        nodes = Nodes.connect(url, timeout)
        if nodes.is_cluster and not keys.tagged:
            raise ConfigurationError(
                "this Redis is a cluster: WORKER_RESULT_KEY needs a hash tag, which keeps all keys of a script in one "
                "slot, such as {photos}:result:{image_id}"
            )
        return cls(nodes, keys, expiry, index or DuplicateRule(radius=0, window=0))

    def find(self, photos: Sequence[PhotoId]) -> list[Result | None]:
        """Give the stored result of each photo; None too for what is no result of ours. Raises StoreError."""
        names = [self._keys.result(photo) for photo in photos]
        return [_parsed(text) for text in self._nodes.run([Call(name, "GET", name) for name in names])]

    def write(self, results: Sequence[Result], seen: Sequence[str]) -> list[Written]:
        """Write and publish each result, and take it into the index: what was said of each. Raises StoreError.

        `known` where one as good is stored; `overtaken` where it would replace content that is not what was `seen` at
        the look-up, and may be newer.
        """
        pairs = list(zip(results, seen, strict=True))
        answers = self._nodes.run([self._write(*pair) for pair in pairs])
        for number, (pair, answer) in enumerate(zip(pairs, answers, strict=True)):
            if answer[0] == "moved":  # the photo has other content now
                self._remove(_photo(pair[0]))
                (answers[number],) = self._nodes.run([self._write(*pair)])
        return [_said(answer) for answer in answers]

    def original_of(self, photo: PhotoId, sha256: str) -> Result | None:
        """Find the result of another photo with these bytes, the first or the latest. Raises StoreError."""
        key = Seen(sha256, None).exact(self._keys.index(photo))
        (value,) = self._nodes.run([Call(key, "GET", key)])
        ids = (value or "").split()[1::2]  # after each moment one
        for result in self.find([PhotoId(one, photo.owner) for one in ids if one != photo.image_id]):
            # It may have been overwritten since, or be another owner's where results are kept without owners.
            if result and result.source.sha256 == sha256 and (result.owner or "") == photo.owner:
                return result
        return None

    def alike(self, photo: PhotoId, image_hash: str) -> Result | None:
        """Find the result of the oldest other photo within the radius of a hash. Raises StoreError."""
        buckets = look_alikes.buckets(self._keys.index(photo), image_hash, self._index.radius)
        bits = Seen("", image_hash).bits
        call = Call.of(_LOOK_UP, buckets, photo.image_id, self._index.window, bits, self._index.radius)
        (found,) = self._nodes.run([call])
        result = self.find([PhotoId(found[0], photo.owner)])[0] if found else None
        if result is None or (result.owner or "") != photo.owner:
            return None
        apart = look_alikes.distance(image_hash, result.image_hash)
        return result if apart is not None and apart <= self._index.radius else None

    def known(self, photos: Sequence[PhotoId]) -> list[Seen | None]:
        """Give what the index has of each photo. Raises StoreError."""
        names = [look_alikes.record(self._keys.index(photo), photo.image_id) for photo in photos]
        return [_seen(text) for text in self._nodes.run([Call(name, "GET", name) for name in names])]

    def enter(self, stored: Sequence[tuple[PhotoId, Seen, int]]) -> list[bool]:
        """Take photos into the index, each with when it was stored (Unix time in microseconds); which were new.

        Raises StoreError.
        """
        calls = [self._enter(*one) for one in stored]
        answers = self._nodes.run(calls)
        for number, answer in enumerate(answers):
            if answer[0] == "moved" and _is_of_another_algorithm(answer[1], stored[number][1]):
                self._remove(stored[number][0])
                (answers[number],) = self._nodes.run([calls[number]])
        return [answer[0] == "entered" for answer in answers]

    def texts(self, other: Keys) -> Iterator[list[tuple[PhotoId, str | None, str | None]]]:
        """Every photo with a value under the `other` names, in lots: that value, and what is stored under ours.

        Raises StoreError.
        """
        photos = (photo for name in self._nodes.scan(other.glob) if (photo := other.photo(name)))
        while lot := list(islice(photos, LOT)):
            names = [keys.result(photo) for keys in (other, self._keys) for photo in lot]
            values = self._nodes.run([Call(name, "GET", name) for name in names])
            yield list(zip(lot, values[: len(lot)], values[len(lot) :], strict=True))

    def forget(self, photo: PhotoId) -> bool:
        """Delete a photo's result and all that the index keeps of it; whether there was anything. Raises StoreError."""
        known = self._remove(photo)
        result = self._keys.result(photo)
        (deleted,) = self._nodes.run([Call(result, "DEL", result)])
        return known or bool(deleted)

    @contextmanager
    def announcements(self, photo: PhotoId) -> Iterator["Announcements"]:
        """Subscribe to a photo's channel; on entering, the subscription is confirmed. Raises StoreError."""
        pubsub: Any = self._nodes.client.pubsub()  # type: ignore[no-untyped-call] # redis-py leaves this one untyped
        try:
            pubsub.subscribe(self._keys.result(photo))
            pubsub.get_message(timeout=SUBSCRIBE_WAIT)  # Redis's confirmation
            yield Announcements(pubsub)
        except FAILURES as error:
            raise StoreError(reason(error)) from error
        finally:
            pubsub.close()

    def _write(self, result: Result, seen: str) -> Call:
        photo = _photo(result)
        head, _, tail = result.model_dump_json().partition(_UNDECIDED)
        head += _UNDECIDED.removesuffix("null")
        window, radius = self._index.window, self._index.radius
        keys, known, own = [self._keys.result(photo)], Seen("", None), list[str]()
        if window:
            root = self._keys.index(photo)
            keys += [look_alikes.record(root, photo.image_id), look_alikes.clock(root)]
            if result.source.sha256 and result.error is None:
                known = Seen(result.source.sha256, result.image_hash)
                own = known.own_buckets(root)
                keys += [known.exact(root), *look_alikes.buckets(root, known.image_hash, radius)]
        content = str(known) if known.sha256 else ""
        fields = [
            head,
            tail,
            self._expiry,
            seen,
            photo.image_id,
            window,
            content,
            known.bits,
            radius,
            len(own),
        ]
        return Call.of(_WRITE, keys, *fields)

    def _enter(self, photo: PhotoId, seen: Seen, moment: int) -> Call:
        keys = seen.keys(self._keys.index(photo), photo.image_id)
        return Call.of(_ENTER, keys, photo.image_id, self._index.window, str(seen), seen.bits, moment)

    def _remove(self, photo: PhotoId) -> bool:
        """Take a photo out of the index; whether it was there."""
        root = self._keys.index(photo)
        name = look_alikes.record(root, photo.image_id)
        for _ in range(TRIES):
            (record,) = self._nodes.run([Call(name, "GET", name)])
            if not record:
                return False
            seen = _seen(record)
            if seen is None:  # none of ours
                return bool(self._nodes.run([Call(name, "DEL", name)])[0])
            keys = seen.keys(root, photo.image_id)
            (removed,) = self._nodes.run([Call.of(_REMOVE, keys, photo.image_id, record, len(seen.bits))])
            if removed:
                return True
        raise StoreError(f"the entries of {photo.image_id} change all the time")


class Announcements:
    """Results published on one channel."""

    def __init__(self, pubsub: Any) -> None:
        self._pubsub = pubsub

    def next(self, timeout: float) -> Result | None:
        """Wait up to `timeout` seconds for the next one."""
        message = self._pubsub.get_message(timeout=timeout)
        return _parsed(message["data"]) if message and message["type"] == "message" else None


def _seen(record: str | None) -> Seen | None:
    try:
        return Seen.read(record) if record else None
    except ValueError:
        return None


def _is_of_another_algorithm(record: str, seen: Seen) -> bool:
    """Whether a record is to give way; one of other content is a worker's, and newer."""
    there = _seen(record)
    return there is None or look_alikes.distance(there.image_hash, seen.image_hash) is None


def _photo(result: Result) -> PhotoId:
    return PhotoId(result.image_id, result.owner or "")


def _said(answer: Sequence[Any]) -> Written:
    said, *original = answer
    if said == "moved":
        raise StoreError("the photo's entries were changed meanwhile")
    if not original:
        return Written(Answer(said))
    image_id, distance, kind = original
    return Written(Answer(said), DuplicateOf(image_id=image_id, distance=distance, kind=kind))


def _parsed(text: str | None) -> Result | None:
    try:
        return Result.model_validate_json(text) if text else None
    except ValidationError:
        return None  # the key is ours, so what does not read as a result is overwritten by one
