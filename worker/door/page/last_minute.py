"""Rate and percentiles of the last minute, by the way that photos came."""

import math
import threading
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Mapping

from worker.telemetry.counters import Reported

MINUTE = 60.0  # seconds
MOST = 12_000  # photos kept for each way; where more than 200 a second come, these are of less than a minute


class LastMinute:
    """Thread-safe. Counts the photos that have a result; their time is the ledger's total."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._since = clock()
        self._done: dict[str, _Times] = {}  # by way

    def photo(self, photo: Reported) -> None:
        """Note a photo."""
        if photo.is_undone or "total" not in photo.ledger:
            return
        now = self._clock()
        with self._lock:
            self._done.setdefault(photo.way, _Times()).add(now, photo.ledger["total"])

    def figures(self) -> Mapping[str, Mapping[str, float | None]]:
        """By way: photos a second, p50 and p99 in milliseconds (None without photos)."""
        now = self._clock()
        span = min(MINUTE, max(1.0, now - self._since))
        with self._lock:
            for times in self._done.values():
                times.forget(now)
            return {
                way: {"rate": times.rate(now, span), "p50": times.cut(0.5), "p99": times.cut(0.99)}
                for way, times in self._done.items()
            }


class _Times:
    """The times of the last minute, kept in order: to sort thousands for each frame would hold up the door."""

    def __init__(self) -> None:
        self._ordered: list[float] = []  # milliseconds
        self._at: deque[tuple[float, float]] = deque()  # moment, milliseconds

    def add(self, now: float, ms: float) -> None:
        """Add one; beyond MOST, forget the oldest. A few microseconds."""
        self.forget(now)
        if len(self._at) == MOST:
            self._forget_oldest()
        self._at.append((now, ms))
        insort(self._ordered, ms)

    def forget(self, now: float) -> None:
        """Forget what is older than a minute."""
        while self._at and now - self._at[0][0] > MINUTE:
            self._forget_oldest()

    def rate(self, now: float, span: float) -> float:
        """Photos a second, if all of `span` seconds are kept, or of those seconds that are."""
        if len(self._at) == MOST:
            span = max(1.0, now - self._at[0][0])
        return round(len(self._at) / span, 2)

    def cut(self, share: float) -> float | None:
        """The value below which this share of them lies (the nearest rank)."""
        return round(self._ordered[math.ceil(share * len(self._ordered)) - 1], 1) if self._ordered else None

    def _forget_oldest(self) -> None:
        _, ms = self._at.popleft()
        del self._ordered[bisect_left(self._ordered, ms)]
