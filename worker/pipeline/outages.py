"""Which parts are failing, since when, and how long to pause before the next try.

A part is a member of an enumeration; its value is what people call it.

Two failures of a part in a row are an outage. The pause is as long as the outage has lasted, within
bounds, and shortened at random, so that many workers do not come back at the same moment.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

SHORTEST, LONGEST = 0.5, 30.0  # seconds of a pause, before chance shortens it by up to a half
OUTAGE = 2  # failures in a row
SILENCE = 180.0  # seconds after the last failure; then nothing is known of a part any more


@dataclass(slots=True)
class _Trouble:
    first: float
    last: float
    reason: str
    failures: int = 1
    waited_for: int = 0  # failures at the last pause


class Outages:
    """Thread-safe. `clock`: monotonic seconds. `chance`: random numbers of 0 … 1."""

    def __init__(self, clock: Callable[[], float], chance: Callable[[], float]) -> None:
        self._clock = clock
        self._chance = chance
        self._lock = threading.Lock()
        self._troubles: dict[Enum, _Trouble] = {}

    def note_success(self, part: Enum) -> None:
        """Note a success: the part's trouble is over."""
        if part in self._troubles:  # rarely true; the common case takes no lock
            with self._lock:
                self._troubles.pop(part, None)

    def note_failure(self, part: Enum, reason: str) -> None:
        """Note a failure that may pass."""
        with self._lock:
            now, trouble = self._clock(), self._troubles.get(part)
            if trouble is None or now - trouble.last > SILENCE:
                self._troubles[part] = _Trouble(now, now, reason)
            else:
                trouble.last, trouble.reason = now, reason
                trouble.failures += 1

    def ongoing(self, *parts: Enum) -> bool:
        """Whether one of the parts is in an outage."""
        with self._lock:
            return any(self._is_outage(part) for part in parts)

    def pause(self, *parts: Enum, most: float = LONGEST) -> float:
        """Seconds to pause before the next try, once for each new failure. 0 if there is none."""
        with self._lock:
            troubles = [self._troubles[part] for part in parts if self._is_outage(part)]
            new = [trouble for trouble in troubles if trouble.failures > trouble.waited_for]
            for trouble in new:
                trouble.waited_for = trouble.failures
            longest = max((max(SHORTEST, trouble.last - trouble.first) for trouble in new), default=0.0)
            return min(most, longest) * (1 - self._chance() / 2)

    def longest(self) -> tuple[float, str]:
        """Seconds from the first to the last failure of the longest outage, and a sentence about it."""
        with self._lock:
            found = [
                (trouble.last - trouble.first, f"{part.value} fails: {trouble.reason}")
                for part, trouble in self._troubles.items()
                if self._is_outage(part) and self._clock() - trouble.last <= SILENCE
            ]
            return max(found, default=(0.0, ""))

    def _is_outage(self, part: Enum) -> bool:
        trouble = self._troubles.get(part)
        return trouble is not None and trouble.failures >= OUTAGE
