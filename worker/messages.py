"""What travels between the stages: small, immutable, without the photo's bytes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from worker.errors import MessageError, NotOursError, Verdict
from worker.result import DuplicateOf, Inference, Picture, Result, Tip, Via

Pixels = npt.NDArray[np.uint8]  # [height, width, 3], RGB
SKEW = timedelta(seconds=5)  # by which an API's clock may be behind: NTP keeps any within a second
Outputs = Mapping[str, npt.NDArray[Any]]  # role → array whose first dimension is the batch


class PhotoId(NamedTuple):
    """Names a photo. The owner is empty where keys name no owners."""

    image_id: str
    owner: str = ""


@dataclass(frozen=True, slots=True)
class S3Object:
    """An object in S3, as its event describes it; the key is decoded."""

    bucket: str  # empty, as the key, for a photo that was never in S3
    key: str
    version_id: str | None = None
    etag: str | None = None
    size: int | None = None  # bytes
    sequencer: str | None = None  # hex; orders events of the same key only
    sha256: str | None = None  # hex, of the bytes that were read
    via: Via = "queue"


@dataclass(frozen=True, slots=True)
class Message:
    """A message received from the queue. Its receipt handle releases or deletes it."""

    message_id: str
    receipt_handle: str = field(repr=False)
    body: str = field(repr=False)
    receive_count: int
    sent_at: datetime | None  # SQS's clock
    received_at: datetime  # this machine's clock, corrected by SQS's where it is wrong
    received: float = 0.0  # the same moment in monotonic seconds
    records: int = 1  # records in its body; the message is settled when all of them are
    traceparent: str = ""  # the span that sent it, as W3C writes it, if it names one


@dataclass(frozen=True, slots=True)
class Upload:
    """A photo that a message announces: `poll` → `infer`."""

    photo: PhotoId
    object: S3Object  # to fetch
    uploaded_at: datetime | None
    message: Message
    source: "Source" = field(repr=False)
    seen: str = ""  # state of the result that was stored when `poll` looked
    record: int = 0  # its place among the records of the message

    event: S3Object | None = None  # what the message announces, if that may be another one
    is_newest: bool = False  # whether it was put after the result that was stored then
    is_request: bool = False  # whether an API asked, by its own clock, and not S3
    trace: Mapping[str, str] = field(default_factory=dict)  # what joins its log line: request id, traceparent
    receive_ms: float = 0.0  # what a client took to send it by HTTP, which makes nothing late

    @property
    def key(self) -> str:
        """Names this try of the photo in this process."""
        return f"{self.message.message_id}/{self.record}"

    @property
    def begun_at(self) -> datetime | None:
        """When the photo was uploaded or announced, whichever came first, as far as that is known.

        A request is sent as soon as the photo is stored: within the skew, SQS's clock tells.
        """
        uploaded_at, sent_at = self.uploaded_at, self.message.sent_at
        if self.is_request and uploaded_at and sent_at and sent_at - uploaded_at <= SKEW:
            return sent_at
        return min(filter(None, (uploaded_at, sent_at)), default=None)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A photo's bytes, with the identity S3 gave them."""

    pieces: Sequence[bytes] = field(
        repr=False
    )  # as they arrived, but for tiny ones: joining all would cost a copy
    etag: str | None = None
    version_id: str | None = None
    sha256: str | None = None  # hex


@dataclass(frozen=True, slots=True)
class Prepared:
    """A photo ready for the model: helpers → `infer`."""

    upload: Upload
    pixels: Pixels = field(repr=False)  # of the model's input size
    image_hash: str | None  # algorithm-version:hex; None for a photo without content
    image_colours: str | None  # likewise
    timings: Mapping[str, float]  # milliseconds by step, so far
    ready_at: float  # monotonic seconds
    deadline: float  # monotonic seconds; a score after this moment is late for the uploader
    decoded: Picture


@dataclass(frozen=True, slots=True)
class Scores:
    """What the models said of a photo. The first model gives score and tip."""

    score: int | None  # 1 … 5; None: not recognised as food
    score_mean: float | None
    tip: Tip | None
    inference: dict[str, Inference]  # by model name
    models: Mapping[str, str]  # name → version of the models that gave these scores
    reused_from: str | None = None  # image id of the photo they were made for, if not this one


class _PhotoOutcome:
    """What an outcome takes from its upload."""

    __slots__ = ()
    upload: Upload

    @property
    def message(self) -> Message:
        return self.upload.message

    @property
    def source(self) -> "Source":
        return self.upload.source

    @property
    def verdict(self) -> Verdict:
        return Verdict.ACKNOWLEDGE


@dataclass(frozen=True, slots=True)
class Scored(_PhotoOutcome):
    """The photo has scores. They are written, then its message is deleted."""

    upload: Upload
    scores: Scores
    image_hash: str | None
    image_colours: str | None
    timings: Mapping[str, float]  # milliseconds by step, so far
    at: float  # monotonic seconds: when the outcome was known
    decoded: Picture | None = None  # None: by a worker that did not say


@dataclass(frozen=True, slots=True)
class Failed(_PhotoOutcome):
    """The photo has no score. The error says whether that is final or tried again."""

    upload: Upload
    error: MessageError
    timings: Mapping[str, float]  # milliseconds by step, so far
    at: float  # monotonic seconds: when the outcome was known

    def __post_init__(self) -> None:
        """Let the photo's bytes and pixels go, which the error's tracebacks hold: an outcome may wait for long."""
        self.error.__traceback__ = self.error.__cause__ = self.error.__context__ = None

    @property
    def verdict(self) -> Verdict:
        """What becomes of the message, as far as this photo is concerned."""
        return self.error.verdict


@dataclass(frozen=True, slots=True)
class Known(_PhotoOutcome):
    """The photo was scored before. Nothing is written, its message is deleted."""

    upload: Upload


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that announces no photo of ours. With an error it is left for a person to look at."""

    message: Message
    source: "Source" = field(repr=False)
    error: NotOursError | None = None

    @property
    def verdict(self) -> Verdict:
        """What becomes of the message, as far as this record is concerned."""
        return Verdict.ACKNOWLEDGE if self.error is None else self.error.verdict


Outcome = Scored | Failed | Known | Skipped  # of one record of a message: → `commit`


class Answer(Enum):
    """What the store did with a result."""

    WRITTEN = "written"
    KNOWN = "known"  # one as good is stored already
    OVERTAKEN = "overtaken"  # other content was stored meanwhile, and may be newer
    FORGOTTEN = "forgotten"  # somebody wants no result of this upload
    REFUSED = "refused"  # this one cannot be stored; nothing is wrong with the store


class Written(NamedTuple):
    """The store's answer for one result, and the photo it duplicates."""

    answer: Answer
    duplicate_of: DuplicateOf | None = None
    reason: str = ""  # of a refusal
    stored: Result | None = None  # what is there, if not the result as it was given


class Source(Protocol):
    """Where photos come from, and who is told what became of them."""

    @property
    def is_patient(self) -> bool:
        """Whether its photos can wait: for a service that fails, or at a stop for another worker.

        If not, settling them takes no time.
        """

    def wants(self, upload: Upload) -> bool:
        """Whether anybody still waits for the photo's result."""

    def fetch(self, upload: Upload, max_bytes: int, alive: Callable[[], None]) -> Fetched:
        """Read the photo, and call `alive` whenever bytes arrive. Raises PhotoError or TroubleError."""

    def answer(self, outcome: "Outcome", result: Result | None) -> None:
        """Hear at once what is stored for the photo; None if nothing is. Must not wait for anything."""

    def settle(self, outcomes: "list[Outcome]") -> None:
        """Acknowledge, release or leave the messages whose records all have an outcome."""
