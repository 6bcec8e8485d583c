"""What can go wrong. The class of an error decides what happens to the SQS message.

WorkerError
├── ConfigurationError            the process exits with 2 before it polls
│   ├── ConversionError           another engine runs the model, TensorFlow at the last
│   │   └── HinderedError         the same, and the next start tries again
│   └── DecoderStartError         after that, the same as StalledError
├── StalledError                  the process exits with 1 and releases its messages
├── GivenUpError                  the same
└── MessageError
    ├── PhotoError                ACKNOWLEDGE: write a `failed` result, delete the message
    │   ├── EmptyObjectError
    │   ├── TooManyBytesError
    │   ├── TooManyPixelsError
    │   ├── UnsupportedFormatError
    │   ├── UnreadableImageError
    │   ├── TooCostlyError
    │   ├── DecoderCrashedError
    │   ├── ObjectGoneError
    │   └── ObjectArchivedError
    ├── TroubleError              RELEASE: write nothing, show the message again after a delay
    │   ├── StorageError
    │   ├── ObjectRefusedError    S3 answers, but not with this object: no outage
    │   │   ├── AccessDeniedError
    │   │   ├── KeyRefusedError
    │   │   └── BucketGoneError
    │   ├── QueueError
    │   ├── StoreError
    │   │   └── ResultRefusedError
    │   ├── OutOfMemoryError
    │   └── ModelError
    │       └── BatchTooLargeError
    ├── OvertakenError            RELEASE: the photo is looked up again
    ├── AbandonedError            RETURN: whoever asked for the photo has gone
    ├── StoppingError             RETURN: show the message again at once
    └── NotOursError              LEAVE: the redrive policy moves it to the dead-letter queue
        ├── UnknownBodyError
        ├── NoImageIdError
        └── ForeignBucketError
"""

from enum import Enum
from typing import ClassVar, Self


class Verdict(Enum):
    """What is done with an SQS message once all its records have an outcome. A higher value wins."""

    ACKNOWLEDGE = 0  # delete it
    RETURN = 1  # make it visible again at once: nothing was tried
    RELEASE = 2  # make it visible again after a back-off, to be tried again
    LEAVE = 3  # do nothing: after its visibility timeouts the redrive policy moves it


class Part(Enum):
    """A part that a worker needs, and that may be in trouble."""

    QUEUE = "SQS"
    STORAGE = "S3"
    MODEL = "the model"
    STORE = "Redis"


class WorkerError(Exception):
    """Base of all errors this project raises. `code` names it in logs and results."""

    code: ClassVar[str] = "error"


class ConfigurationError(WorkerError):
    """Raised when a setting, or a part that it names, does not fit. The process exits with 2 before it polls."""

    code = "configuration"


class ConversionError(ConfigurationError):
    """Raised when an engine cannot run a model, or not with the same results."""


class HinderedError(ConversionError):
    """Raised when there is too little disk or memory for that now, which tells nothing of the model."""


class DecoderStartError(ConfigurationError):
    """Raised when no process can be started to decode photos."""

    code = "decoder_start"


class StalledError(WorkerError):
    """Raised when a thread hangs inside a call. Only the end of the process frees it."""

    code = "stalled"


class GivenUpError(WorkerError):
    """Raised when a part that the worker needs has failed for too long. The process ends."""

    code = "given_up"


class MessageError(WorkerError):
    """Base of errors that decide what becomes of a message."""

    verdict: ClassVar[Verdict]


def reason(error: Exception) -> str:
    """Describe a foreign error for a log line."""
    return f"{type(error).__name__}: {error}"


# Of TensorFlow, then of OpenVINO.
HEADINGS = ("Detected at node", "  File", "Exception from src/", "Check '", "FrontEnd API failed with")


def first_line(error: Exception) -> str:
    """First informative line of a foreign error, whose message may begin with a runtime's headings."""
    lines = [line for line in str(error).splitlines() if line.strip() and line != "Graph execution error:"]
    informative = [line for line in lines if not line.startswith(HEADINGS)]
    return next(iter(informative or lines), type(error).__name__)[:300]


# The photo itself is bad: trying again cannot help.


class PhotoError(MessageError):
    """Raised when a photo can never be scored. It gets a `failed` result with this code; its message is deleted."""

    verdict = Verdict.ACKNOWLEDGE

    etag: str | None = None  # of an object that was refused unread
    version_id: str | None = None

    def of(self, etag: str | None, version_id: str | None) -> Self:
        """Name the content that was refused."""
        self.etag, self.version_id = etag, version_id
        return self


class EmptyObjectError(PhotoError):
    """Raised when the object has no bytes, like a folder marker or a failed upload."""

    code = "empty_object"


class TooManyBytesError(PhotoError):
    """Raised when the object is larger than allowed, as announced or as downloaded."""

    code = "too_many_bytes"


class TooManyPixelsError(PhotoError):
    """Raised when the image's header names more pixels than allowed. Nothing is decoded."""

    code = "too_many_pixels"


class UnsupportedFormatError(PhotoError):
    """Raised when the bytes are not an image of an allowed format."""

    code = "unsupported_format"


class UnreadableImageError(PhotoError):
    """Raised when an image of an allowed format is damaged or cut short."""

    code = "unreadable_image"


class TooCostlyError(PhotoError):
    """Raised when decoding takes too long or too much memory, or when the header says that it would."""

    code = "too_costly"


class DecoderCrashedError(PhotoError):
    """Raised when decoding ends its process, also while no other photo is decoded."""

    code = "decoder_crashed"


class ObjectGoneError(PhotoError):
    """Raised when S3 says that the object, or the version asked for, does not exist."""

    code = "object_gone"


class ObjectArchivedError(PhotoError):
    """Raised when the object is in an archive, from which S3 reads nothing before somebody restores it."""

    code = "object_archived"


# A part that the worker needs is in trouble: trying again later can help.


class TroubleError(MessageError):
    """Raised when S3, Redis, SQS or the model fails for a while. Nothing is written; the message is released."""

    verdict = Verdict.RELEASE


class StorageError(TroubleError):
    """Raised when S3 fails for every object: it throttles, times out, answers 5xx or refuses the credentials."""

    code = "storage_trouble"


class ObjectRefusedError(TroubleError):
    """Raised when S3 answers, but refuses this object. Other objects may be read meanwhile."""

    code = "object_refused"


class AccessDeniedError(ObjectRefusedError):
    """Raised when the object may not be read; or is gone, and the bucket may not be listed."""

    code = "access_denied"


class KeyRefusedError(ObjectRefusedError):
    """Raised when KMS refuses the key that the object is encrypted with."""

    code = "kms_refused"


class BucketGoneError(ObjectRefusedError):
    """Raised when the object's bucket does not exist."""

    code = "bucket_gone"


class QueueError(TroubleError):
    """Raised when SQS cannot be reached or refuses a call."""

    code = "queue_trouble"


class StoreError(TroubleError):
    """Raised when Redis does not confirm a read or a write."""

    code = "store_trouble"


class ResultRefusedError(StoreError):
    """Raised when Redis works but refuses what concerns this one photo."""

    code = "result_refused"


class OutOfMemoryError(TroubleError):
    """Raised when a photo within the limits found too little free memory."""

    code = "out_of_memory"


class ModelError(TroubleError):
    """Raised when the model refuses a batch, or its outputs do not fit the batch."""

    code = "model_trouble"


class BatchTooLargeError(ModelError):
    """Raised when the device has no memory for a batch of this size."""

    code = "model_out_of_memory"


class OvertakenError(MessageError):
    """Raised when a result of other content was stored meanwhile, and no event tells which is newer."""

    code = "overtaken"
    verdict = Verdict.RELEASE


class AbandonedError(MessageError):
    """Raised for a photo that nobody waits for any more. It is not scored."""

    code = "abandoned"
    verdict = Verdict.RETURN


class StoppingError(MessageError):
    """Raised for a photo not yet started when the worker must stop. Another worker gets it at once."""

    code = "stopping"
    verdict = Verdict.RETURN


# The message is not ours: a person must look at it.


class NotOursError(MessageError):
    """Raised when a message cannot be understood. It goes to the dead-letter queue and is never deleted."""

    verdict = Verdict.LEAVE


class UnknownBodyError(NotOursError):
    """Raised when a body is not JSON, or has no known shape."""

    code = "unknown_body"


class NoImageIdError(NotOursError):
    """Raised when a key names no image id."""

    code = "no_image_id"


class ForeignBucketError(NotOursError):
    """Raised when an event names a bucket that is not on the allow-list."""

    code = "foreign_bucket"
