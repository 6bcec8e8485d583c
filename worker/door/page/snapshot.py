"""What the worker does now, as one frame of the page."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from worker.door.gate import Gate
from worker.door.page.last_minute import LastMinute
from worker.door.page.movements import Movements
from worker.pipeline.outages import Outages
from worker.telemetry.counters import Reported, Telemetry

COUNTS = {
    "scored": "photos_scored",
    "unrecognised": "photos_unrecognised",
    "failed": "photos_failed",
    "already_scored": "already_scored",
    "released": "released",
    "returned": "returned",
}


class Watched(Protocol):
    """What is asked of the pipeline; see assembly.py."""

    outages: Outages

    def fills(self) -> Mapping[str, tuple[int, int]]:
        """How many items wait at each place, and how many may."""

    @property
    def batches(self) -> Sequence[int]:
        """How many photos each replica scores now."""

    @property
    def largest_batch(self) -> int:
        """How many it may score at once."""


@dataclass(eq=False)
class Snapshots:
    """Makes frames, and sees photos move. Thread-safe. The pipeline is there once the models are warm."""

    gate: Gate
    telemetry: Telemetry
    clock: Callable[[], float]
    requests: Callable[[], int]  # by HTTP, without an answer
    door_places: Callable[[], int]
    shows_ids: bool
    pipeline: Watched | None = None
    leases: Callable[[], int] = int  # messages in work
    worker: str = field(default_factory=lambda: uuid.uuid4().hex)  # another one after a restart

    def __post_init__(self) -> None:
        self.movements = Movements(self.clock, shows_ids=self.shows_ids)
        self._last_minute = LastMinute(self.clock)
        self._begun = self.clock()
        self.moved = self.movements.moved

    def photo(self, photo: Reported) -> None:
        """See what became of a photo."""
        self._last_minute.photo(photo)
        self.movements.photo(photo)

    def frame(self) -> Mapping[str, Any]:
        """What is sent to the viewers, as docs/page.md describes it."""
        moves, sampled = self.movements.take()
        counts = self.telemetry.counts
        return {
            "worker": self.worker,
            "phase": self.gate.phase.value,
            "uptime": round(self.clock() - self._begun, 1),
            **self._pipeline(),
            "leases": self.leases(),
            "requests": self.requests(),
            "ways": self._last_minute.figures(),
            "counts": {name: counts.get(count, 0) for name, count in COUNTS.items()},
            "sampled": round(sampled, 3),
            "moves": moves,
        }

    def _pipeline(self) -> Mapping[str, Any]:
        if self.pipeline is None:
            return {"queues": {}, "batches": [], "largest_batch": 0, "outages": []}
        queues = dict(self.pipeline.fills())
        queues["door"] = queues["door"][0], self.door_places()
        return {
            "queues": queues,
            "batches": list(self.pipeline.batches),
            "largest_batch": self.pipeline.largest_batch,
            "outages": [self._outage(*one) for one in self.pipeline.outages.list()],
        }

    def _outage(self, part: str, seconds: float, reason: str) -> Mapping[str, Any]:
        """Reasons may name photos, buckets and hosts."""
        return {"part": part, "since": round(seconds, 1), "reason": reason if self.shows_ids else ""}
