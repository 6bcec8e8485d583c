"""Rate and percentiles of the last minute, by the way that photos came."""

import math
import threading
from collections import deque
from collections.abc import Callable, Mapping

from worker.telemetry.counters import Reported

MINUTE = 60.0  # seconds
MOST = 12_000  # photos kept for each way: 200 a second


class LastMinute:
    """Thread-safe. Counts the photos that have a result; their time is the ledger's total."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._since = clock()
        self._done: dict[str, deque[tuple[float, float]]] = {}  # way → moment, milliseconds

    def photo(self, photo: Reported) -> None:
        """Note a photo."""
        if photo.is_undone or "total" not in photo.ledger:
            return
        with self._lock:
            done = self._done.setdefault(photo.way, deque(maxlen=MOST))
            done.append((self._clock(), photo.ledger["total"]))

    def figures(self) -> Mapping[str, Mapping[str, float | None]]:
        """By way: photos a second, p50 and p99 in milliseconds (None without photos)."""
        now = self._clock()
        with self._lock:
            for done in self._done.values():
                while done and now - done[0][0] > MINUTE:
                    done.popleft()
            taken = {way: sorted(ms for _, ms in done) for way, done in self._done.items()}
        span = min(MINUTE, max(1.0, now - self._since))
        return {
            way: {"rate": round(len(ms) / span, 2), "p50": _cut(ms, 0.5), "p99": _cut(ms, 0.99)}
            for way, ms in taken.items()
        }


def _cut(ordered: list[float], share: float) -> float | None:
    """The value below which this share of them lies (the nearest rank)."""
    return round(ordered[math.ceil(share * len(ordered)) - 1], 1) if ordered else None
