"""Why a message became a dead letter: found by trying to read it again as a worker would, up to the model."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from worker.errors import (
    ForeignBucketError,
    MessageError,
    NotOursError,
    OutOfMemoryError,
    StoreError,
)
from worker.intake import events
from worker.intake.events import Announced, Ignored
from worker.messages import Fetched, PhotoId, S3Object
from worker.photos.decoder import Decoder
from worker.photos.decoding import Target
from worker.result import Result
from worker.results.known import makes_needless
from worker.upkeep.remedies import ADVICE, ALREADY_SCORED, IGNORED, NOTHING_WRONG, Remedy

# The size of most models. Only whether a photo can be decoded matters, so no bundle is read.
TARGET = Target(224, 224, "crop")


@dataclass(frozen=True, slots=True)
class Letter:
    """One message of the dead-letter queue."""

    message_id: str
    receipt_handle: str = field(repr=False)
    body: str = field(repr=False)
    receive_count: int
    sent_at: datetime | None
    first_received_at: datetime | None
    source: str | None  # ARN of the queue it comes from; none where it was put here by hand


@dataclass(frozen=True, slots=True)
class Finding:
    """What one record of a letter announces, and what came of trying it; `code` is one of ADVICE."""

    code: str
    reason: str
    object: S3Object | None = None
    photo: PhotoId | None = None

    @property
    def remedy(self) -> Remedy:
        """What is to be done."""
        return ADVICE[self.code][0]


class Photos(Protocol):
    """Where the photos lie."""

    def fetch(self, wanted: S3Object, max_bytes: int) -> Fetched:
        """Read an object; raises PhotoError or StorageError."""
        ...


class Results(Protocol):
    """Where finished results can be looked up."""

    def find(self, photos: Sequence[PhotoId]) -> list[Result | None]:
        """Give the stored result of each photo; raises StoreError."""
        ...


class Examiner:
    """Thread-safe. Reads only: neither the message nor its photo nor its result is changed."""

    def __init__(
        self,
        photos: Photos,
        results: Results | None,
        *,
        buckets: Collection[str],
        image_id_pattern: re.Pattern[str],
        decoder: Decoder,
    ) -> None:
        """Without `results` nobody knows which photos were scored meanwhile."""
        self._photos = photos
        self._results = results
        self._buckets = buckets
        self._image_id_pattern = image_id_pattern
        self._decoder = decoder

    def examine(self, letter: Letter) -> list[Finding]:
        """Try each record of a letter, at least one; the gravest comes first."""
        found = [self._judged(record) for record in events.read(letter.body)]
        return sorted(found, key=lambda finding: -finding.remedy)

    def _judged(self, record: events.Record) -> Finding:
        match record:
            case Ignored(what):
                return Finding(IGNORED, f"{what} announces no upload")
            case NotOursError():
                return Finding(record.code, str(record))
            case Announced():
                return self._announced(record)

    def _announced(self, record: Announced) -> Finding:
        photo = None
        try:
            if record.object.bucket not in self._buckets:
                raise ForeignBucketError(f"the bucket {record.object.bucket!r} is not in WORKER_BUCKETS")
            photo = events.photo_id(record.object.key, self._image_id_pattern, record.image_id)
            return Finding(*self._tried(photo, record.object), record.object, photo)
        except MessageError as error:
            return Finding(error.code, str(error), record.object, photo)
        except MemoryError as error:
            return Finding(OutOfMemoryError.code, str(error) or "no memory left", record.object, photo)

    def _tried(self, photo: PhotoId, wanted: S3Object) -> tuple[str, str]:
        """Look up, fetch and decode as a worker does; code and reason. Raises MessageError and MemoryError."""
        known, asked = self._stored(photo)
        if known and _is_of(known, wanted):
            return ALREADY_SCORED, f"its result is `{known.status}`, of {known.scored_at}"
        self._decoder.check_size(wanted.size)
        fetched = self._photos.fetch(wanted, self._decoder.max_bytes)
        there = replace(
            wanted, etag=fetched.etag or wanted.etag, version_id=fetched.version_id or wanted.version_id
        )
        if known and _is_of(known, there):
            return ALREADY_SCORED, f"its result is `{known.status}`, of {known.scored_at}"
        self._decoder.decode(fetched.data)
        return NOTHING_WRONG, "it can be read now" + (
            "" if asked else "; whether it was scored, Redis did not say"
        )

    def _stored(self, photo: PhotoId) -> tuple[Result | None, bool]:
        """Look up the photo's result; and whether there was an answer at all."""
        if self._results is None:
            return None, False
        try:
            return self._results.find([photo])[0], True
        except StoreError:
            return None, False


def _is_of(known: Result, wanted: S3Object) -> bool:
    """Whether a result answers this message, by whichever models: a message is dead for its photo's sake."""
    return makes_needless(known, wanted, known.models)
