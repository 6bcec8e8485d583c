"""Decides which photos are taken: as many as are scored in time, and as many bytes as there is memory for."""

import math
import threading
import weakref
from collections.abc import Callable

from worker.door.problems import Refusal

FEWEST = 4  # photos that are taken however long they take
WEIGHT = 1 / 16  # weight of a new measurement in the running mean
BUSY = 0.5  # of the places; with fewer photos in work the worker may be faster than they tell


class Pieces(list[bytes]):
    """A photo's bytes. As long as they are anywhere, they count for the budget."""


class Admission:
    """Thread-safe. Asked before a body, which holds memory but no place, and again when it is complete."""

    def __init__(
        self,
        *,
        most: int,
        memory: int,
        objective_seconds: float,
        clock: Callable[[], float],
        ceiling: float = math.inf,
    ) -> None:
        """`most`: photos in work at a time, 0 for as many as are scored in time. `memory`: in bytes.

        `ceiling`: above `most`; more could not be told that there are too many.
        """
        self._most = most
        self._ceiling = ceiling
        self._memory = memory
        self._objective = objective_seconds
        self._clock = clock
        self._lock = threading.RLock()  # the collector may free bytes, and so `release`, while it is held
        self._bytes = self._in_work = 0
        self._rate = 0.0  # photos a second, as measured

    def expect(self, rate: float) -> None:
        """Assume so many photos a second until answers tell."""
        self._rate = rate if math.isfinite(rate) else 0.0

    @property
    def places(self) -> int:
        """How many photos may be in work: those of the rate times the objective (Little's law)."""
        return self._most or int(min(self._ceiling, max(FEWEST, self._rate * self._objective)))

    @property
    def in_work(self) -> int:
        """How many are."""
        return self._in_work

    @property
    def bytes_held(self) -> int:
        """How many bytes of photos there are."""
        return self._bytes

    def check(self, size: int) -> None:
        """Raise Refusal if a photo of this size would not be taken now."""
        with self._lock:
            self._check_places()
            self._check_bytes(size)

    def hold(self, size: int) -> None:
        """Count bytes that have arrived. Raises Refusal if there is no memory for them."""
        with self._lock:
            self._check_bytes(size)
            self._bytes += size

    def release(self, size: int) -> None:
        """Count bytes that are gone."""
        with self._lock:
            self._bytes -= size

    def release_with(self, pieces: Pieces, size: int) -> None:
        """Count these bytes until nobody has them any more."""
        weakref.finalize(pieces, self.release, size).atexit = False

    def enter(self) -> "Place":
        """Take a place. Raises Refusal if there is none."""
        with self._lock:
            self._check_places()
            self._in_work += 1
            return Place(self, self._in_work, self._clock())

    def leave(self, place: "Place", is_scored: bool) -> None:
        """Give a place back. A photo that was scored tells how fast the worker is."""
        with self._lock:
            self._in_work -= 1
            if is_scored:
                self._learn(place.in_work, self._clock() - place.since)

    def _learn(self, in_work: int, seconds: float) -> None:
        """Learn from a photo that took so long among so many: the rate is their quotient, by Little's law.

        With little to do, the worker is no slower than that.
        """
        rate = in_work / max(seconds, 1e-3)
        if rate > self._rate or in_work >= self.places * BUSY:
            self._rate += (rate - self._rate) * WEIGHT

    def _check_places(self) -> None:
        if self._in_work >= self.places:
            self._refuse(f"{self._in_work} photos are in work, and no more would be scored in time")

    def _check_bytes(self, size: int) -> None:
        if self._bytes + size > self._memory:
            self._refuse("there is no memory for more photos")

    def _refuse(self, detail: str) -> None:
        """Ask to come back when what is in work now is done."""
        seconds = self._in_work / self._rate if self._rate else 1.0
        raise Refusal("too_many_requests", detail, retry_after=max(1, math.ceil(seconds)))


class Place:
    """A photo in work, one of so many when it began. `leave` it once, by whoever is first."""

    __slots__ = ("_admission", "in_work", "since")

    def __init__(self, admission: Admission, in_work: int, since: float) -> None:
        self._admission: Admission | None = admission
        self.in_work, self.since = in_work, since

    def leave(self, is_scored: bool = False) -> None:
        """Give the place back."""
        admission, self._admission = self._admission, None
        if admission:
            admission.leave(self, is_scored)
