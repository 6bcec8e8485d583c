"""Tells which photos have moved to which step, for those who watch. Photos are sampled when there are many."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from itertools import count
from typing import Any

from worker.messages import Upload
from worker.telemetry.counters import Reported

NEW = 20.0  # photos a second that are shown, at most
BURST = 10.0  # of them at once
KEPT = 0.9  # of the counts behind the share, from one frame to the next: it speaks of the last seconds
MOST = 2_000  # photos that are followed, and moves kept for a frame
Move = tuple[object, ...]  # dot, way, step, seconds ago, and what became of it


class Movements:
    """Thread-safe, fast, and never raises. A photo is shown for its whole way, or not at all."""

    def __init__(self, clock: Callable[[], float], *, shows_ids: bool) -> None:
        self.is_watched = False
        self._clock = clock
        self._shows_ids = shows_ids
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._followed: OrderedDict[str, int] = OrderedDict()  # photo → dot
        self._moves: list[tuple[int, str, str, float, dict[str, Any]]] = []
        self._may_begin, self._refilled_at = BURST, clock()
        self._begun = self._seen = 0.0

    def moved(self, upload: Upload, step: str) -> None:
        """Note that a photo has come to a step."""
        if not self.is_watched:
            return
        now = self._clock()
        with self._lock:
            if step == "arrived":
                self._begin(upload.key, now)
            dot = self._followed.get(upload.key)
            if dot is not None:
                self._note(dot, upload.object.via, step, now)

    def photo(self, photo: Reported) -> None:
        """Note what became of a photo."""
        if not self.is_watched:
            return
        with self._lock:
            dot = self._followed.pop(photo.key, None)
            if dot is None:
                return
            end: dict[str, Any] = {"ms": round(photo.ledger.get("total", 0.0))}
            if self._shows_ids:
                end["id"] = photo.image_id
            self._note(dot, photo.way, photo.status, self._clock(), end)

    def take(self) -> tuple[list[Move], float]:
        """The moves since the last call, and the share of the photos of the last seconds that is shown."""
        now = self._clock()
        with self._lock:
            moves, self._moves = self._moves, []
            share = self._begun / self._seen if self._seen >= 1 else 1.0
            self._begun, self._seen = self._begun * KEPT, self._seen * KEPT
        return [
            (dot, way, step, round(now - at, 3), *([end] if end else [])) for dot, way, step, at, end in moves
        ], share

    def watch(self, is_watched: bool) -> None:
        """Begin or end to follow photos."""
        with self._lock:
            self.is_watched = is_watched
            self._followed.clear()
            self._moves.clear()

    def _begin(self, key: str, now: float) -> None:
        """Follow a photo if there were not too many of late (a token bucket)."""
        self._may_begin = min(BURST, self._may_begin + (now - self._refilled_at) * NEW)
        self._refilled_at = now
        self._seen += 1
        if self._may_begin >= 1:
            self._may_begin -= 1
            self._begun += 1
            self._followed[key] = next(self._numbers)
            if len(self._followed) > MOST:  # what never came to an end is forgotten
                self._followed.popitem(last=False)

    def _note(self, dot: int, way: str, step: str, at: float, end: dict[str, Any] | None = None) -> None:
        if len(self._moves) < MOST:
            self._moves.append((dot, way, step, at, end or {}))
