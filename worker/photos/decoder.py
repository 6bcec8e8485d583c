"""The decoder: decodes and hashes photos within bounds of bytes, pixels and photos at a time."""

import threading
import time
from collections.abc import Callable
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


class Decoder:
    """Thread-safe. A photo may need hundreds of megabytes, so only `at_once` are decoded at a time."""

    def __init__(
        self,
        target: Target,
        algorithm: Algorithm = PHASH,
        *,
        max_bytes: int,
        max_pixels: int,
        at_once: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.algorithm = algorithm
        self.max_bytes = max_bytes
        self._target = target
        self._max_pixels = max_pixels
        self._turns = threading.BoundedSemaphore(at_once)
        self._clock = clock

    def check_size(self, size: int | None) -> None:
        """Raise TooManyBytesError for a photo that need not be fetched: it is too large."""
        if size is not None and size > self.max_bytes:
            raise TooManyBytesError(f"{size} bytes are more than {self.max_bytes}")

    def decode(self, data: bytes) -> Decoded:
        """Wait for a turn, decode, hash. Raises PhotoError and MemoryError."""
        with self._turns:
            begun = self._clock()
            pixels, image_hash = decoding.prepare(data, self._target, self._max_pixels, self.algorithm)
            return Decoded(pixels, image_hash, self._clock() - begun)
