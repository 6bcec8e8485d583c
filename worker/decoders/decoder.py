"""The decoder: photos in, pixels and looks out, decoded by processes of their own.

A photo that takes too long or too much memory fails alone. One that ends its process is tried once
more while no other photo is decoded: only then is it certain that the photo is to blame.
"""

import re
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import KW_ONLY, InitVar, dataclass, field
from typing import NamedTuple, Protocol, get_args

import numpy as np

from worker.decoders.child import MOST_TEXT
from worker.decoders.crew import Crew
from worker.decoders.nursery import Job, Nursery
from worker.decoders.process import DecoderEndedError, DecoderProcess, Ending, Reply
from worker.errors import (
    DecoderCrashedError,
    EmptyObjectError,
    MessageError,
    OutOfMemoryError,
    PhotoError,
    TooCostlyError,
    TooManyBytesError,
    TooManyPixelsError,
    UnreadableImageError,
    UnsupportedFormatError,
)
from worker.messages import Pixels
from worker.photos.decoding import Target
from worker.photos.hashes import PHASH, Algorithm
from worker.photos.looks import COLOURS, Look
from worker.result import Picture
from worker.telemetry.counters import Telemetry

ERRORS: dict[str, type[MessageError]] = {  # what a decoder process may reply
    error.code: error
    for error in (
        EmptyObjectError,
        OutOfMemoryError,
        TooCostlyError,
        TooManyPixelsError,
        UnreadableImageError,
        UnsupportedFormatError,
    )
}
PICTURES: dict[str, Picture] = {name: name for name in get_args(Picture)}
REMEMBERED = 10_000  # photos that cost too much


class Decoded(NamedTuple):
    """A decoded photo, how long the decoding took once it began, and what of the file was decoded."""

    pixels: Pixels
    look: Look
    seconds: float
    decoded: Picture = "photo"


class PhotoDecoder(Protocol):
    """What prepares photos for the model. Thread-safe."""

    algorithm: Algorithm
    max_bytes: int

    def decode(
        self, pieces: Sequence[bytes], sha256: str | None = None, alive: Callable[[], None] = lambda: None
    ) -> Decoded:
        """Wait for a turn, decode, hash. Calls `alive` each second. Raises PhotoError and OutOfMemoryError."""


def check_size(size: int | None, max_bytes: int) -> None:
    """Raise TooManyBytesError for a photo that need not be fetched: it is too large."""
    if size is not None and size > max_bytes:
        raise TooManyBytesError(f"{size} bytes are more than {max_bytes}")


@dataclass(eq=False)
class Decoder:
    """Thread-safe. `at_once` photos are decoded at a time, each for `timeout` seconds at most."""

    nursery: Nursery
    target: Target
    algorithm: Algorithm = PHASH
    _: KW_ONLY
    max_bytes: int
    max_pixels: int
    convert_colours: bool = True
    embedded_thumbnails: bool = True
    at_once: InitVar[int]
    timeout: float
    telemetry: Telemetry
    clock: Callable[[], float] = time.monotonic
    # Photos that cost too much: error and text by SHA-256, the oldest first.
    _costly: dict[str, tuple[type[PhotoError], str]] = field(default_factory=dict, init=False)

    def __post_init__(self, at_once: int) -> None:
        self._lock = threading.Lock()
        self._job = Job(
            self.target,
            self.algorithm.name,
            self.max_bytes,
            self.max_pixels,
            self.convert_colours,
            self.embedded_thumbnails,
        )
        self._hash = re.compile(rf"{re.escape(self.algorithm.label)}:[0-9a-f]{{{self.algorithm.bits // 4}}}")
        self._crew = Crew(lambda: self.nursery.start(self._job), at_once)

    def start(self, checkpoint: Callable[[], None] = lambda: None) -> None:
        """Start all processes, and wait for them. Raises DecoderStartError."""
        self._crew.start(checkpoint)

    def decode(
        self, pieces: Sequence[bytes], sha256: str | None = None, alive: Callable[[], None] = lambda: None
    ) -> Decoded:
        """Wait for a turn, decode, hash. Calls `alive` each second.

        Raises PhotoError, OutOfMemoryError, and DecoderStartError if no process can be started. A
        photo that cost too much is remembered by its bytes, and not tried again.
        """
        self._recall(sha256)
        try:
            return self._try_twice(pieces, sha256, alive)
        except (TooCostlyError, DecoderCrashedError) as error:
            if sha256 is not None:
                self._remember(sha256, error)
            raise

    def close(self) -> None:
        """End all processes."""
        self._crew.close()
        self.nursery.close()

    def _try_twice(self, pieces: Sequence[bytes], sha256: str | None, alive: Callable[[], None]) -> Decoded:
        def attempt(turn: AbstractContextManager[DecoderProcess]) -> Decoded:
            try:
                with turn as process:
                    self._recall(sha256)  # a copy may have been decoded meanwhile
                    return self._decode(process, pieces, alive)
            except DecoderEndedError as error:
                self.telemetry.warn("decoder_replaced", reason=str(error), size=sum(map(len, pieces)))
                raise

        try:
            return attempt(self._crew.one(alive))
        except DecoderEndedError as error:
            if error.ending is Ending.SLOW:
                raise TooCostlyError(str(error)) from None
        try:
            return attempt(self._crew.one_alone(alive))
        except DecoderEndedError as error:
            raise _VERDICTS[error.ending](str(error)) from None

    def _decode(self, process: DecoderProcess, pieces: Sequence[bytes], alive: Callable[[], None]) -> Decoded:
        begun = self.clock()
        reply = process.decode(pieces, self.timeout, alive)
        if (kind := ERRORS.get(str(reply.get("error")))) is not None:
            raise kind(_printable(reply.get("text")))
        pixels, look, decoded = self._result(process, reply)
        return Decoded(pixels, look, self.clock() - begun, decoded)

    def _result(self, process: DecoderProcess, reply: Reply) -> tuple[Pixels, Look, Picture]:
        """Check a reply. Raises DecoderEndedError for one that cannot be true."""
        look, pixels = Look(reply.get("hash"), reply.get("colours")), process.pixels(self._job.pixel_bytes)
        makes_sense = look == Look() or (
            _is_text(self._hash, look.image_hash) and _is_text(COLOURS, look.image_colours)
        )
        decoded = PICTURES.get(str(reply.get("decoded")))
        if "error" in reply or not makes_sense or len(pixels) != self._job.pixel_bytes or decoded is None:
            raise DecoderEndedError(Ending.CRASHED, "its reply makes no sense")
        shape = (self.target.height, self.target.width, 3)
        return np.frombuffer(pixels, np.uint8).reshape(shape), look, decoded

    def _recall(self, sha256: str | None) -> None:
        """Raise the error of a photo with these bytes that cost too much."""
        if sha256 is not None and (known := self._costly.get(sha256)):
            kind, text = known
            raise kind(text)

    def _remember(self, sha256: str, error: PhotoError) -> None:
        with self._lock:
            if sha256 not in self._costly:
                self.telemetry.warn("photo_too_costly", code=error.code, reason=str(error), sha256=sha256)
            self._costly[sha256] = type(error), str(error)
            if len(self._costly) > REMEMBERED:
                del self._costly[next(iter(self._costly))]


def _is_text(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _printable(text: object) -> str:
    """Make a text of a decoder process one that any log and any JSON can take."""
    return str(text)[:MOST_TEXT].encode(errors="replace").decode()


_VERDICTS: dict[Ending, type[MessageError]] = {  # of a photo that ended its process while it was alone
    Ending.SLOW: TooCostlyError,
    Ending.STUCK: TooCostlyError,
    Ending.CRASHED: DecoderCrashedError,
    # The kernel kills when memory runs out. Photos are bounded, so the machine is too small.
    Ending.KILLED: OutOfMemoryError,
}
