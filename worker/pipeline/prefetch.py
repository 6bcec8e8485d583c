"""Decides how many items are fetched ahead: as many as keep the model busy, and no more.

By Little's law (J. D. C. Little, 1961) that is the model's rate times the seconds a fetch takes. More
would only use memory and hold messages that another worker could have.
"""

import math
import threading
from collections.abc import Callable

INITIAL_FETCHES = 6  # beside the decoders, until something is measured
WEIGHT = 1 / 16  # weight of a new measurement in the running means


class PrefetchWindow:
    """Thread-safe. Helpers work if their rank is within the window, so the same few work again and again.

    Their memory stays warm, and no helper is woken for an item that another one takes.
    """

    def __init__(self, decoders: int, most: int, rate: Callable[[], float]) -> None:
        """`decoders`: decoded at once. `most`: largest window. `rate`: items the model takes a second."""
        self._decoders = decoders
        self._most = most
        self._rate = rate
        self._fetch: float | None = None  # seconds, as running means
        self._decode: float | None = None
        self._size = decoders + INITIAL_FETCHES  # as measured; may exceed `most`
        self._open = False
        self._grown = threading.Condition()

    def admits(self, rank: int, timeout: float) -> bool:
        """Wait up to `timeout` seconds until `rank` is within the window. Returns whether it is."""
        if rank < self.size:
            return True
        with self._grown:
            return self._grown.wait_for(lambda: rank < self.size, timeout)

    def note(self, fetch: float, decode: float) -> None:
        """Learn how many seconds an item took."""
        with self._grown:
            self._fetch, self._decode = _mean(self._fetch, fetch), _mean(self._decode, decode)
            rate = min(self._rate(), self._decoders / max(self._decode, 1e-6))
            before, self._size = self._size, self._decoders + 1 + math.ceil(rate * self._fetch)
            if self._size > before:
                self._grown.notify_all()

    def open(self) -> None:
        """Admit every rank from now on: the work is over, and all helpers must notice."""
        with self._grown:
            self._open = True
            self._grown.notify_all()

    @property
    def size(self) -> int:
        """How many helpers may work now."""
        return self._most if self._open else min(self._size, self._most)


def _mean(mean: float | None, new: float) -> float:
    return new if mean is None else mean + (new - mean) * WEIGHT
