"""The decoder: decodes and hashes photos within bounds of bytes, pixels and photos at a time."""

import threading
import time
from collections.abc import Callable
from dataclasses import KW_ONLY, InitVar, dataclass
from typing import NamedTuple

from worker.errors import TooManyBytesError
from worker.messages import Pixels
from worker.photos import decoding
from worker.photos.decoding import Target
from worker.photos.hashes import PHASH, Algorithm


class Decoded(NamedTuple):
    """A decoded photo, and how long the decoding took once it began."""

    pixels: Pixels
    image_hash: str | None
    seconds: float


@dataclass(eq=False)
class Decoder:
    """Thread-safe. A photo may need hundreds of megabytes, so only `at_once` are decoded at a time."""

    target: Target
    algorithm: Algorithm = PHASH
    _: KW_ONLY
    max_bytes: int
    max_pixels: int
    at_once: InitVar[int]
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self, at_once: int) -> None:
        self._turns = threading.BoundedSemaphore(at_once)

    def check_size(self, size: int | None) -> None:
        """Raise TooManyBytesError for a photo that need not be fetched: it is too large."""
        if size is not None and size > self.max_bytes:
            raise TooManyBytesError(f"{size} bytes are more than {self.max_bytes}")

    def decode(self, data: bytes) -> Decoded:
        """Wait for a turn, decode, hash. Raises PhotoError and MemoryError."""
        with self._turns:
            begun = self.clock()
            pixels, image_hash = decoding.prepare(data, self.target, self.max_pixels, self.algorithm)
            return Decoded(pixels, image_hash, self.clock() - begun)
