"""What can go wrong. The class of an error decides what happens to the SQS message.

WorkerError
├── ConfigurationError            the process exits with 2 before it polls
│   └── ConversionError           TensorFlow keeps running the model
├── StalledError                  the process exits with 1 and releases its messages
├── GivenUpError                  the same
└── MessageError
    ├── PhotoError                ACKNOWLEDGE: write a `failed` result, delete the message
    │   ├── EmptyObjectError
    │   ├── TooManyBytesError
    │   ├── TooManyPixelsError
    │   ├── UnsupportedFormatError
    │   ├── UnreadableImageError
    │   └── ObjectGoneError
    ├── TroubleError              RELEASE: write nothing, show the message again after a delay
    │   ├── StorageError
    │   ├── QueueError
    │   ├── StoreError
    │   ├── OutOfMemoryError
    │   └── ModelError
    │       └── BatchTooLargeError
    ├── OvertakenError            RELEASE: the photo is looked up again
    ├── StoppingError             RETURN: show the message again at once
    └── NotOursError              LEAVE: the redrive policy moves it to the dead-letter queue
        ├── UnknownBodyError
        ├── NoImageIdError
        └── ForeignBucketError
"""

from enum import Enum
from typing import ClassVar


class Verdict(Enum):
    """What is done with an SQS message once its records are dealt with; a later one outranks an earlier one."""

    ACKNOWLEDGE = 0  # delete it
    RETURN = 1  # make it visible again at once: nothing was tried
    RELEASE = 2  # make it visible again after a back-off, so that it is tried again
    LEAVE = 3  # do nothing: its visibility timeout runs out and the redrive policy moves it in the end


class WorkerError(Exception):
    """Any failure this project raises on purpose. `code` is what logs and results call it."""

    code: ClassVar[str] = "error"


class ConfigurationError(WorkerError):
    """Raised when a setting or a part it names does not fit; the process exits with 2 before polling."""

    code = "configuration"


class ConversionError(ConfigurationError):
    """Raised when an engine cannot take a model over, or not without changing what it does."""


class StalledError(WorkerError):
    """Raised when a thread hangs inside a call: the process ends, since only that frees it."""

    code = "stalled"


class GivenUpError(WorkerError):
    """Raised when a part the worker needs has failed for too long: the process ends rather than pretend."""

    code = "given_up"


class MessageError(WorkerError):
    """A failure that decides what becomes of a message."""

    verdict: ClassVar[Verdict]


# the photo itself is at fault: trying again cannot help


class PhotoError(MessageError):
    """Raised when a photo can never be scored: it gets a `failed` result with this code, its message is deleted."""

    verdict = Verdict.ACKNOWLEDGE


class EmptyObjectError(PhotoError):
    """Raised when the object has no bytes (a folder marker, an upload that failed)."""

    code = "empty_object"


class TooManyBytesError(PhotoError):
    """Raised when the object is larger than allowed, by its announcement or while it is downloaded."""

    code = "too_many_bytes"


class TooManyPixelsError(PhotoError):
    """Raised when the image's header promises more pixels than allowed; nothing is decoded."""

    code = "too_many_pixels"


class UnsupportedFormatError(PhotoError):
    """Raised when the bytes are no image of an allowed format."""

    code = "unsupported_format"


class UnreadableImageError(PhotoError):
    """Raised when an image of an allowed format is damaged or cut short."""

    code = "unreadable_image"


class ObjectGoneError(PhotoError):
    """Raised when S3 says that the object, or the version asked for, does not exist."""

    code = "object_gone"


# a part the worker needs is in trouble: trying again later can help


class TroubleError(MessageError):
    """Raised when S3, Redis, SQS or the model fails in passing: nothing is written, the message is released."""

    verdict = Verdict.RELEASE


class StorageError(TroubleError):
    """Raised when S3 throttles, times out, refuses access or answers 5xx."""

    code = "storage_trouble"


class QueueError(TroubleError):
    """Raised when SQS cannot be reached or refuses a call."""

    code = "queue_trouble"


class StoreError(TroubleError):
    """Raised when Redis does not confirm a read or a write."""

    code = "store_trouble"


class OutOfMemoryError(TroubleError):
    """Raised when a photo, though within the limits, did not fit into what memory was left just then."""

    code = "out_of_memory"


class ModelError(TroubleError):
    """Raised when the model refuses a batch or answers something that does not fit it."""

    code = "model_trouble"


class BatchTooLargeError(ModelError):
    """Raised when the device has no memory for a batch of this size."""

    code = "model_out_of_memory"


class OvertakenError(MessageError):
    """Raised when other content of the same object was stored meanwhile, and nothing tells which is the newer."""

    code = "overtaken"
    verdict = Verdict.RELEASE


class StoppingError(MessageError):
    """Raised for a photo that was not started when the worker was told to stop: another worker has it at once."""

    code = "stopping"
    verdict = Verdict.RETURN


# the message is not one of ours: a person must look


class NotOursError(MessageError):
    """Raised when a message cannot be understood: it is left for the dead-letter queue, never deleted."""

    verdict = Verdict.LEAVE


class UnknownBodyError(NotOursError):
    """Raised when a body is not JSON or of no known shape."""

    code = "unknown_body"


class NoImageIdError(NotOursError):
    """Raised when a key names no image id."""

    code = "no_image_id"


class ForeignBucketError(NotOursError):
    """Raised when an event names a bucket that is not on the allow-list."""

    code = "foreign_bucket"
