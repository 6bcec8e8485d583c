"""How many photos may be on their way from S3 to the model at once: as many as keep it busy, and no more.

By Little's law (J. D. C. Little, 1961) that is the rate at which photos can be worked off times the seconds that a
fetch takes. More would only hold messages that another worker could have, and memory.
"""

import math
import threading
from collections.abc import Callable

BEFORE = 6  # downloads allowed beside the decoders until something was measured
WEIGHT = 1 / 16  # of a new measurement in the running means


class PrefetchWindow:
    """Thread-safe. `decoders` photos may be decoded at once, `most` be on their way; `rate` is the model's photos/s.

    Helpers have ranks, and those whose rank is within the window work: the same few again and again, so that their
    memory stays warm, and nobody is woken for a photo that another one takes.
    """

    def __init__(self, decoders: int, most: int, rate: Callable[[], float]) -> None:
        self._decoders = decoders
        self._most = most
        self._rate = rate
        self._fetch: float | None = None  # seconds, running means
        self._decode: float | None = None
        self._size = decoders + BEFORE  # as measured, beyond `most` too
        self._open = False
        self._grown = threading.Condition()

    def admits(self, rank: int, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the window to reach beyond `rank`; whether it does."""
        if rank < self.size:
            return True
        with self._grown:
            return self._grown.wait_for(lambda: rank < self.size, timeout)

    def note(self, fetch: float, decode: float) -> None:
        """Learn how many seconds a photo took."""
        with self._grown:
            self._fetch, self._decode = _mean(self._fetch, fetch), _mean(self._decode, decode)
            rate = min(self._rate(), self._decoders / max(self._decode, 1e-6))
            before, self._size = self._size, self._decoders + 1 + math.ceil(rate * self._fetch)
            if self._size > before:
                self._grown.notify_all()

    def open(self) -> None:
        """Admit every rank from now on: the work is over, and all are to hear of it."""
        with self._grown:
            self._open = True
            self._grown.notify_all()

    @property
    def size(self) -> int:
        """How many may work now."""
        return self._most if self._open else min(self._size, self._most)


def _mean(mean: float | None, new: float) -> float:
    return new if mean is None else mean + (new - mean) * WEIGHT
