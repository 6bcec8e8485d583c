"""How many photos may be on their way from S3 to the model at once: as many as keep it busy, and no more.

By Little's law (J. D. C. Little, 1961) that is the rate at which photos can be worked off times the seconds that a
fetch takes. More would only hold messages that another worker could have, and memory.
"""

import math
import threading
from collections.abc import Callable

BEFORE = 6  # downloads allowed beside the decoders until something was measured
WEIGHT = 1 / 16  # of a new measurement in the running means


class Window:
    """Thread-safe. `decoders` photos may be decoded at once, `most` be on their way; `rate` is the model's photos/s."""

    def __init__(self, decoders: int, most: int, rate: Callable[[], float]) -> None:
        self._decoders = decoders
        self._most = most
        self._rate = rate
        self._inside = 0
        self._fetch: float | None = None  # seconds, running means
        self._decode: float | None = None
        self._left = threading.Condition()

    def enter(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for a place; whether there was one. Who got it must `leave`."""
        with self._left:
            if not self._left.wait_for(lambda: self._inside < self.size, timeout):
                return False
            self._inside += 1
            return True

    def leave(self) -> None:
        """Give the place back."""
        with self._left:
            self._inside -= 1
            self._left.notify()

    def note(self, fetch: float, decode: float) -> None:
        """Learn how many seconds a photo took."""
        with self._left:
            self._fetch = _mean(self._fetch, fetch)
            self._decode = _mean(self._decode, decode)
            self._left.notify()  # it may have grown

    @property
    def size(self) -> int:
        """How many places there are now."""
        if self._fetch is None or self._decode is None:
            return min(self._decoders + BEFORE, self._most)
        rate = min(self._rate(), self._decoders / max(self._decode, 1e-6))
        return min(self._decoders + 1 + math.ceil(rate * self._fetch), self._most)


def _mean(mean: float | None, new: float) -> float:
    return new if mean is None else mean + (new - mean) * WEIGHT
