"""How long a model call takes, by batch size: measured at warm-up, then learned from each call."""

import bisect
import threading
from collections.abc import Mapping

WEIGHT = 1 / 8  # weight of a new measurement in the running means


class ServiceTimes:
    """Thread-safe. `seconds_by_size`: measured before."""

    def __init__(self, seconds_by_size: Mapping[int, float] | None = None) -> None:
        self._lock = threading.Lock()
        self._seconds = dict(seconds_by_size or {})
        self._sizes = sorted(self._seconds)
        self._rates = {size: size / max(seconds, 1e-9) for size, seconds in self._seconds.items()}

    def note(self, size: int, seconds: float) -> None:
        """Learn from one call."""
        with self._lock:
            known = self._seconds.get(size)
            self._seconds[size] = seconds if known is None else known + (seconds - known) * WEIGHT
            if known is None:
                bisect.insort(self._sizes, size)
            self._rates[size] = size / max(self._seconds[size], 1e-9)

    def expected(self, size: int) -> float:
        """Seconds of a call with `size` items, interpolated between known sizes. 0.0 if nothing is known."""
        with self._lock:
            if not self._sizes:
                return 0.0
            above = bisect.bisect_left(self._sizes, size)
            if above == len(self._sizes):
                largest = self._sizes[-1]
                return self._seconds[largest] * size / largest
            high = self._sizes[above]
            low = self._sizes[above - 1] if above else high
            part = (size - low) / (high - low) if high > low else 0.0
            return self._seconds[low] + part * (self._seconds[high] - self._seconds[low])

    def rate(self) -> float:
        """Most items per second at any known size. Infinite if nothing is known."""
        with self._lock:
            return max(self._rates.values(), default=float("inf"))
