"""Finds out why a message is a dead letter by reading it again as a worker would."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from worker.decoders.decoder import PhotoDecoder, check_size
from worker.errors import MessageError, NotOursError, OutOfMemoryError, StoreError
from worker.intake import events
from worker.intake.events import Announced, Ignored
from worker.intake.s3_uploads import Storage
from worker.messages import PhotoId, S3Object
from worker.photos.decoding import Target
from worker.result import Result
from worker.results.content import identify
from worker.results.known import makes_needless, to_fetch
from worker.results.store import ResultStore
from worker.upkeep.remedies import ADVICE, ALREADY_SCORED, IGNORED, NOTHING_WRONG, Remedy

# The input size of most models. Only whether a photo can be decoded matters, so no bundle is read.
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
    source: str | None  # ARN of the queue it came from; None for a message that somebody put here
    sender: str | None = None  # id that AWS has of the role, user or service that sent it


@dataclass(frozen=True, slots=True)
class Finding:
    """What one record of a letter announces, and what is wrong with it. `code` is one of ADVICE."""

    code: str
    reason: str
    object: S3Object | None = None
    photo: PhotoId | None = None

    @property
    def remedy(self) -> Remedy:
        """What to do."""
        return ADVICE[self.code][0]


@dataclass(eq=False)
class Examiner:
    """Thread-safe. Only reads: messages, photos and results stay as they are."""

    storage: Storage
    results: ResultStore | None  # without them it cannot tell which photos were scored meanwhile
    buckets: Collection[str]
    image_id_pattern: re.Pattern[str]
    decoder: PhotoDecoder

    def examine(self, letter: Letter) -> list[Finding]:
        """Try each record of a letter. Return at least one finding, the most serious first."""
        findings = [self._examine(record) for record in events.read(letter.body)]
        return sorted(findings, key=lambda finding: -finding.remedy)

    def _examine(self, record: events.Record) -> Finding:
        match record:
            case Ignored(what):
                return Finding(IGNORED, f"{what} announces no upload")
            case NotOursError():
                return Finding(record.code, str(record))
            case Announced():
                return self._examine_upload(record)

    def _examine_upload(self, upload: Announced) -> Finding:
        photo = None
        try:
            photo = upload.photo(self.buckets, self.image_id_pattern)
            return Finding(*self._try(photo, upload.object), upload.object, photo)
        except MessageError as error:
            return Finding(error.code, str(error), upload.object, photo)
        except MemoryError as error:
            return Finding(OutOfMemoryError.code, str(error) or "no memory left", upload.object, photo)

    def _try(self, photo: PhotoId, s3_object: S3Object) -> tuple[str, str]:
        """Look up, fetch and decode as a worker does. Return a code and a reason.

        Raises MessageError and MemoryError.
        """
        result, answered = self._find_result(photo)
        if result and _answers(result, s3_object):
            return ALREADY_SCORED, f"its result is `{result.status}`, of {result.scored_at}"
        wanted = to_fetch(result, s3_object) if result else s3_object
        check_size(wanted.size, self.decoder.max_bytes)
        fetched = self.storage.fetch(wanted, self.decoder.max_bytes)
        if result and _answers(result, identify(fetched, wanted, s3_object)):
            return ALREADY_SCORED, f"its result is `{result.status}`, of {result.scored_at}"
        self.decoder.decode(fetched.pieces, fetched.sha256)
        doubt = "" if answered else "; Redis did not say whether it was scored"
        return NOTHING_WRONG, f"it can be read now{doubt}"

    def _find_result(self, photo: PhotoId) -> tuple[Result | None, bool]:
        """Find the photo's result. False if Redis did not answer."""
        if self.results is None:
            return None, False
        try:
            return self.results.find([photo])[0], True
        except StoreError:
            return None, False


def _answers(result: Result, s3_object: S3Object) -> bool:
    """Whether a result answers this message. Its models do not matter: they are not the trouble."""
    return makes_needless(result, s3_object, result.models)
