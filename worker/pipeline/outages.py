"""Which parts are failing, since when, and how long to pause before the next try.

A part is a member of an enumeration; its value is what people call it. A part may have several places
that fail by themselves, as S3 has buckets.

Failures of two subjects in a row, with no success between, are an outage: what fails alone, over and
over, has trouble of its own. What can be read may still refuse to be written to: so a success of
reading ends no trouble that writing has. The pause is as long as the outage has lasted, within bounds, and
shortened at random, so that many workers do not come back at the same moment.
"""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum

SHORTEST, LONGEST = 0.5, 30.0  # seconds of a pause, before chance shortens it by up to a half
SILENCE = 180.0  # seconds after the last failure; then nothing is known of a part any more

Place = Enum | tuple[Enum, str]  # a part, or one place of a part


@dataclass(slots=True)
class _Trouble:
    first: float
    last: float
    reason: str
    subject: Hashable
    next_try: float
    is_outage: bool = False
    is_of_reading: bool = False  # and of nothing else
    answered: float = 0.0  # when another place of the same part last succeeded
    failures: int = 1
    waited_for: int = 0  # failures at the last pause

    @property
    def pause(self) -> float:
        return min(LONGEST, max(SHORTEST, self.last - self.first))


class Outages:
    """Thread-safe. `clock`: monotonic seconds. `chance`: random numbers of 0 … 1."""

    def __init__(self, clock: Callable[[], float], chance: Callable[[], float]) -> None:
        self._clock = clock
        self._chance = chance
        self._lock = threading.Lock()
        self._troubles: dict[Place, _Trouble] = {}

    def note_success(self, place: Place, *, reading: bool = False) -> None:
        """Note a success: the trouble of this place is over, and its part is not away as a whole.

        `reading`: it was read from, which ends only what began with reading.
        """
        if not self._troubles:  # the common case takes no lock
            return
        with self._lock:
            trouble = self._troubles.get(place)
            if reading and trouble and not trouble.is_of_reading:
                return
            self._troubles.pop(place, None)
            for other, trouble in self._troubles.items():
                if _part(other) is _part(place):
                    trouble.answered = self._clock()

    def note_failure(
        self, place: Place, reason: str, subject: Hashable = None, *, reading: bool = False
    ) -> None:
        """Note a failure that may pass, of work on this subject. Without one, any two failures are an outage."""
        with self._lock:
            now, trouble = self._clock(), self._troubles.get(place)
            if trouble is None or now - trouble.last > SILENCE:
                trouble = _Trouble(now, now, reason, subject, now, is_of_reading=reading)
                self._troubles[place] = trouble
            else:
                trouble.failures += 1
                if not trouble.is_outage and (subject is None or subject != trouble.subject):
                    trouble.is_outage, trouble.first = True, trouble.last
                trouble.last, trouble.reason = now, reason
                trouble.is_of_reading &= reading
            trouble.next_try = now + trouble.pause * self._shortening()

    def ongoing(self, *places: Place) -> bool:
        """Whether one of the places is in an outage."""
        if not self._troubles:  # the common case takes no lock
            return False
        with self._lock:
            return any(self._is_outage(place) for place in places)

    def next_try(self, place: Place) -> float:
        """When the next try makes sense, in monotonic seconds, also of what fails alone. 0 if nothing fails."""
        with self._lock:
            trouble = self._troubles.get(place)
            return trouble.next_try if trouble else 0.0

    def pause(self, *places: Place, most: float = LONGEST) -> float:
        """Seconds to pause before the next try, once for each new failure. 0 if there is none."""
        if not self._troubles:
            return 0.0
        with self._lock:
            troubles = [self._troubles[place] for place in places if self._is_outage(place)]
            new = [trouble for trouble in troubles if trouble.failures > trouble.waited_for]
            for trouble in new:
                trouble.waited_for = trouble.failures
            longest = max((trouble.pause for trouble in new), default=0.0)
            return min(most, longest) * self._shortening()

    def longest(self) -> tuple[float, str]:
        """Seconds from the first to the last failure of the longest outage, and a sentence about it.

        An outage of one place counts from the last success of another place of the same part.
        """
        with self._lock:
            found = [
                (
                    trouble.last - max(trouble.first, trouble.answered),
                    f"{_name(place)} fails: {trouble.reason}",
                )
                for place, trouble in self._troubles.items()
                if trouble.is_outage and self._clock() - trouble.last <= SILENCE
            ]
            return max(found, default=(0.0, ""))

    def list(self) -> list[tuple[str, float, str]]:
        """The part of each outage, how many seconds ago it began, and the last reason."""
        with self._lock:
            return [
                (_name(place), self._clock() - trouble.first, trouble.reason)
                for place, trouble in self._troubles.items()
                if trouble.is_outage and self._clock() - trouble.last <= SILENCE
            ]

    def _is_outage(self, place: Place) -> bool:
        trouble = self._troubles.get(place)
        return trouble is not None and trouble.is_outage

    def _shortening(self) -> float:
        return 1 - self._chance() / 2


def _part(place: Place) -> Enum:
    return place[0] if isinstance(place, tuple) else place


def _name(place: Place) -> str:
    return str(_part(place).value)
