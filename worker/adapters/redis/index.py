"""The index in Redis of photos seen before, by their bytes and by their look."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from worker.adapters.redis.calls import Call, Refused, Script
from worker.adapters.redis.nodes import Nodes
from worker.errors import ResultRefusedError
from worker.messages import PhotoId
from worker.photos import looks
from worker.photos.looks import Look
from worker.result import Result
from worker.results import look_alikes
from worker.results.gathering import Gathering
from worker.results.look_alikes import DuplicateRule, Fingerprint
from worker.results.redis_keys import Keys

REMOVE_TRIES = 5  # while other workers keep changing the entries
LOT = 10  # scripts sent at once: Redis serves nobody else meanwhile

_LOOK_UP, _ENTER, _REMOVE, _LACKS_COLOURS = (
    Script("entries", name) for name in ("look_up", "enter", "remove", "lacks_colours")
)


@dataclass(eq=False)
class Index:
    """Thread-safe. Its methods raise StoreError."""

    nodes: Nodes
    keys: Keys
    rule: DuplicateRule

    def __post_init__(self) -> None:
        # In a cluster, a look-up that goes with others would wait for their nodes, and fail with them.
        self._get = self._get_alone if self.nodes.is_cluster else Gathering(self.nodes.get).get

    def read(self, photos: Sequence[PhotoId]) -> list[Fingerprint | None]:
        """Read what the index has of each photo. None also for one that lacks its colours."""
        names = [self.keys.index(photo.owner).record(photo.image_id) for photo in photos]
        records = self.nodes.get(names)
        found = [_read(record) for record in records]
        hashed = [number for number, one in enumerate(found) if one and one.image_hash]
        answers = self._run([self._lacks_colours(photos[number], records[number]) for number in hashed])
        lacking = {number for number, lacks in zip(hashed, answers, strict=True) if lacks}
        return [None if number in lacking else one for number, one in enumerate(found)]

    def enter(self, photos: Sequence[tuple[PhotoId, Fingerprint, int]]) -> list[bool]:
        """Enter photos, each with its time of storage (Unix, microseconds).

        True for new ones, and for those that had been entered without their colours.
        """
        calls = [self._enter(*photo) for photo in photos]
        answers = self._run(calls)
        for number, (answer, *records) in enumerate(answers):
            photo, fingerprint, _ = photos[number]
            if answer == "moved" and _gives_way(records[0], fingerprint):
                self.remove(photo)
                (answers[number],) = self._run([calls[number]])
        return [answer[0] in {"entered", "coloured"} for answer in answers]

    def remove(self, photo: PhotoId) -> bool:
        """Remove a photo. False if it was not there."""
        for _ in range(REMOVE_TRIES):
            (answer,) = self.try_to_remove([photo])
            if isinstance(answer, Refused):
                raise ResultRefusedError(answer.reason)
            if answer is not None:
                return answer
        raise ResultRefusedError(f"other workers keep changing the entries of {photo.image_id}")

    def remove_content(self, photo: PhotoId, fingerprint: Fingerprint) -> bool:
        """Remove what is left of a photo with this content, of which there is no record."""
        (answer,) = self._run([self._remove(photo, "", fingerprint)])
        return bool(answer)

    def try_to_remove(self, photos: Sequence[PhotoId]) -> list[bool | Refused | None]:
        """Remove photos, in two calls for all. False for one that was not there, None for one that changed."""
        names = [self.keys.index(photo.owner).record(photo.image_id) for photo in photos]
        records = self.nodes.get(names)
        found = [(photo, record) for photo, record in zip(photos, records, strict=True) if record]
        answers = iter(self.nodes.run([self._remove(*one, _read(one[1])) for one in found]))
        return [_removed(next(answers)) if record else False for record in records]

    def find_same_bytes(self, photo: PhotoId, sha256: str) -> list[PhotoId]:
        """Find the first and the latest other photo with these bytes."""
        value = self._get(self.keys.index(photo.owner).exact(sha256))
        image_ids = (value or "").split()[1::2]  # moment, image id, moment, image id
        return [PhotoId(image_id, photo.owner) for image_id in image_ids if image_id != photo.image_id]

    def find_look_alike(self, photo: PhotoId, look: Look) -> PhotoId | None:
        """Find the oldest other photo within the radius of a hash that is known to have the same colours."""
        buckets = self.keys.index(photo.owner).buckets(look.image_hash, self.rule.radius)
        bits, colours = look_alikes.bits(look.image_hash), looks.packed(look.image_colours)
        rule = (self.rule.window, bits, self.rule.radius, colours, looks.MOST_APART)
        call = Call.of(_LOOK_UP, buckets, photo.image_id, *rule)
        (answer,) = self._run([call])
        return PhotoId(answer[0], photo.owner) if answer else None

    def entry_of(self, result: Result) -> tuple[list[str], list[Any]]:
        """Give the keys and arguments with which write.lua enters the photo of a result."""
        radius, window = self.rule.radius, self.rule.window
        keys = self.keys.index(result.owner or "")
        names, fingerprint = list[str](), None
        if window:
            names = [keys.record(result.image_id), keys.clock]
            if result.source.sha256 and result.error is None:
                fingerprint = Fingerprint(result.source.sha256, result.image_hash, result.image_colours)
                names += [keys.exact(fingerprint.sha256), *keys.buckets(result.image_hash, radius)]
        bits, colours = (fingerprint.bits, fingerprint.colours) if fingerprint else (b"", b"")
        look = [bits, radius, look_alikes.count_bands(bits), colours, looks.MOST_APART]
        return names, [result.image_id, window, str(fingerprint or ""), *look]

    def _remove(self, photo: PhotoId, record: str, fingerprint: Fingerprint | None) -> Call:
        keys = self.keys.index(photo.owner)
        if fingerprint is None:  # not a record of ours
            name = keys.record(photo.image_id)
            return Call(name, "DEL", name)
        names = keys.of(photo.image_id, fingerprint)
        return Call.of(_REMOVE, names, photo.image_id, record, len(fingerprint.bits))

    def _get_alone(self, name: str) -> Any:
        return self.nodes.get([name])[0]

    def _run(self, calls: Sequence[Call]) -> list[Any]:
        """Run scripts. Raises ResultRefusedError for the first one that fails by itself."""
        answers = list[Any]()
        for start in range(0, len(calls), LOT):
            answers += self.nodes.run(calls[start : start + LOT])
        for call, answer in zip(calls, answers, strict=True):
            if isinstance(answer, Refused):
                raise ResultRefusedError(f"{call.key}: {answer.reason}")
        return answers

    def _enter(self, photo: PhotoId, fingerprint: Fingerprint, moment: int) -> Call:
        keys = self.keys.index(photo.owner)
        names = [*keys.of(photo.image_id, fingerprint), keys.forgotten(photo.image_id)]
        fields = [photo.image_id, self.rule.window, str(fingerprint), fingerprint.bits, moment]
        return Call.of(_ENTER, names, *fields, fingerprint.colours)

    def _lacks_colours(self, photo: PhotoId, record: str) -> Call:
        image_hash = Fingerprint.read(record).image_hash
        first = self.keys.index(photo.owner).buckets(image_hash)[:1]
        bits = look_alikes.bits(image_hash)
        return Call.of(_LACKS_COLOURS, first, photo.image_id, looks.VERSION, bits, record)


def _removed(answer: Any) -> bool | Refused | None:
    return answer if isinstance(answer, Refused) else bool(answer) or None


def fingerprint_of(result: Result) -> Fingerprint | None:
    """Read the content of a stored result. None if it names none."""
    return (
        _read(f"{Fingerprint(result.source.sha256, result.image_hash)} 0") if result.source.sha256 else None
    )


def _read(record: str | None) -> Fingerprint | None:
    try:
        return Fingerprint.read(record) if record else None
    except ValueError:
        return None


def _gives_way(record: str, fingerprint: Fingerprint) -> bool:
    """Whether another hash of the same bytes may be replaced, or one of another algorithm.

    A record of other content is newer.
    """
    stored = _read(record)
    if stored is None or stored.sha256 == fingerprint.sha256:
        return True
    return look_alikes.distance(stored.image_hash, fingerprint.image_hash) is None
