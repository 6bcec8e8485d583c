"""What travels through the queues: small, frozen, without the photo's bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from worker.errors import MessageError, Verdict
from worker.result import DuplicateOf, Inference, Tip

Pixels = npt.NDArray[np.uint8]  # [height, width, 3], RGB
Outputs = Mapping[str, npt.NDArray[Any]]  # role → array whose first dimension is the batch


class PhotoId(NamedTuple):
    """Which photo, and whose; the owner is empty where the keys name none."""

    image_id: str
    owner: str = ""


class Written(NamedTuple):
    """What the store said of a result: written, known or overtaken; and which photo it is a duplicate of."""

    said: str
    duplicate_of: DuplicateOf | None = None


@dataclass(frozen=True, slots=True)
class S3Object:
    """The object an event speaks of; every field as the event gave it, the key decoded."""

    bucket: str
    key: str
    version_id: str | None = None
    etag: str | None = None
    size: int | None = None  # bytes
    sequencer: str | None = None  # hex; orders events of the same key only
    sha256: str | None = None  # hex, of the bytes that were read


@dataclass(frozen=True, slots=True)
class Message:
    """One received queue message; its receipt handle is what releases or deletes it."""

    message_id: str
    receipt_handle: str = field(repr=False)
    body: str = field(repr=False)
    receive_count: int
    sent_at: datetime | None  # by SQS
    received_at: datetime  # by this machine's clock, unless that is wrong
    received: float = 0.0  # the same moment in monotonic seconds
    records: int = 1  # how many records its body announces; it is settled when all of them are


@dataclass(frozen=True, slots=True)
class Upload:
    """One photo announced by a message: `poll` → `infer`."""

    image_id: str
    object: S3Object
    uploaded_at: datetime | None
    message: Message
    source: "Source" = field(repr=False)
    seen: str = ""  # the content of the result that was stored when it was looked up
    owner: str = ""  # whose photo it is, where the keys tell

    @property
    def photo(self) -> PhotoId:
        """What it goes by."""
        return PhotoId(self.image_id, self.owner)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A photo's bytes, and the identity that S3 gave with them."""

    data: bytes = field(repr=False)
    etag: str | None = None
    version_id: str | None = None
    sha256: str | None = None  # hex


@dataclass(frozen=True, slots=True)
class Prepared:
    """A photo ready for the model."""

    upload: Upload
    pixels: Pixels = field(repr=False)  # of the model's input size
    image_hash: str | None  # algorithm-version:hex; none of a photo without content
    timings: Mapping[str, float]  # milliseconds by step, so far
    ready_at: float  # monotonic seconds
    deadline: float  # monotonic seconds: until then it is to be scored, to be in time for who uploaded it


@dataclass(frozen=True, slots=True)
class Scored:
    """What the models said of one photo, or of another whose scores it shares; the first one gives score and tip."""

    score: int | None  # 1 … 5; None: not recognised as food
    score_mean: float | None
    tip: Tip | None
    inference: dict[str, Inference]  # by model name
    models: Mapping[str, str]  # name → version of those that said it
    reused_from: str | None = None  # the other photo's image id


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one record of a message: `poll` or `infer` → `commit`.

    `upload` is None where the record was no upload. At most one of `scored` and `error` is set; with neither,
    nothing is to be written: the photo was scored before, or the event is none of ours.
    """

    message: Message
    source: "Source" = field(repr=False)
    upload: Upload | None = None
    scored: Scored | None = None
    image_hash: str | None = None
    error: MessageError | None = None
    timings: Mapping[str, float] = field(default_factory=dict)  # milliseconds by step, so far
    at: float = 0.0  # monotonic seconds: when this outcome was known

    @property
    def verdict(self) -> Verdict:
        """What becomes of the message, as far as this record is concerned."""
        return Verdict.ACKNOWLEDGE if self.error is None else self.error.verdict


def outcome_of(
    upload: Upload,
    timings: Mapping[str, float],
    at: float,
    *,
    scored: Scored | None = None,
    image_hash: str | None = None,
    error: MessageError | None = None,
) -> Outcome:
    """Say what became of an upload; `timings` in milliseconds by step, `at` in monotonic seconds."""
    return Outcome(upload.message, upload.source, upload, scored, image_hash, error, timings, at)


class Source(Protocol):
    """Where photos come from, and who must hear what became of them."""

    def fetch(self, upload: Upload, max_bytes: int) -> Fetched:
        """Read the photo; raises PhotoError or StorageError."""
        ...

    def settle(self, outcomes: "list[Outcome]") -> None:
        """Acknowledge, release or leave the messages whose records are all among the outcomes so far."""
        ...
