"""What a frame tells at each moment of a worker's life, and what it keeps to itself."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.fakes import ManualClock, ScriptedSource
from worker.door.gate import Gate
from worker.door.page.last_minute import MOST
from worker.door.page.snapshot import Snapshots
from worker.errors import Part
from worker.pipeline.outages import Outages
from worker.telemetry.counters import Reported, Telemetry

LINGER = 5.0
SECRETS = ("photo-7", "uploads/", "photos-bucket", "redis.internal", "s3.eu-central-1.amazonaws.com")
REASON = (
    "GET uploads/photo-7.jpg of photos-bucket at s3.eu-central-1.amazonaws.com: refused by redis.internal"
)


@dataclass
class Pipeline:
    """Stands for the stages: some wait, one batch runs, S3 is away."""

    outages: Outages
    batches: Sequence[int] = (3, 0)
    largest_batch: int = 8
    held: dict[str, tuple[int, int]] = field(
        default_factory=lambda: {"uploads": (4, 20), "door": (1, 100_000)}
    )

    def fills(self) -> Mapping[str, tuple[int, int]]:
        return self.held


@dataclass
class Shown:
    """Snapshots, and what they look at."""

    snapshots: Snapshots
    gate: Gate
    clock: ManualClock
    pipeline: Pipeline

    def frame(self) -> dict[str, Any]:
        """As it is sent."""
        told: dict[str, Any] = json.loads(json.dumps(self.snapshots.frame()))
        return told


def shown(*, shows_ids: bool = False) -> Shown:
    clock = ManualClock()
    gate, telemetry = Gate(LINGER, clock), Telemetry()
    snapshots = Snapshots(gate, telemetry, clock, lambda: 2, lambda: 12, shows_ids)
    return Shown(snapshots, gate, clock, Pipeline(Outages(clock, lambda: 0.0)))


def test_each_phase_of_a_worker_is_told() -> None:
    worker = shown()
    starting = worker.frame()
    assert (starting["phase"], starting["queues"], starting["batches"]) == ("starting", {}, [])
    worker.snapshots.pipeline, worker.snapshots.leases = worker.pipeline, lambda: 9
    worker.gate.open()
    opened = worker.frame()
    assert (opened["phase"], opened["leases"], opened["requests"]) == ("open", 9, 2)
    assert opened["queues"] == {
        "uploads": [4, 20],
        "door": [1, 12],
    }  # as many as are let in, not what a lane holds
    assert (opened["batches"], opened["largest_batch"]) == ([3, 0], 8)
    worker.gate.close()
    assert worker.frame()["phase"] == "lingering"
    worker.clock.seconds += LINGER
    assert worker.frame()["phase"] == "closed"
    assert worker.frame()["worker"] == starting["worker"] != shown().frame()["worker"]


@pytest.mark.parametrize("shows_ids", [False, True])
def test_names_of_photos_buckets_and_hosts_are_told_only_where_they_may_be(shows_ids: bool) -> None:
    worker = shown(shows_ids=shows_ids)
    worker.snapshots.pipeline = worker.pipeline
    worker.snapshots.movements.watch(True)
    for bucket in ("photos-bucket", "another"):
        worker.pipeline.outages.note_failure((Part.STORAGE, bucket), REASON, subject=bucket)
        worker.pipeline.outages.note_failure((Part.STORAGE, bucket), REASON, subject="other")
    upload = ScriptedSource([]).upload("photo-7", number=7)
    worker.snapshots.moved(upload, "arrived")
    ledger = {"total": 50.0}
    worker.snapshots.photo(Reported(upload.key, "photo-7", "scored", "queue", None, {}, ledger, 0.0))
    frame = worker.frame()
    assert {one["part"] for one in frame["outages"]} == {"S3"}
    text = json.dumps(frame)
    assert [secret for secret in SECRETS if secret in text] == (list(SECRETS) if shows_ids else [])


def test_a_frame_is_made_in_no_time_however_many_photos_there_were() -> None:
    worker = shown()
    for number in range(MOST):
        worker.clock.seconds += 60 / MOST
        for way in ("queue", "http"):
            ledger = {"total": float(number * 7919 % MOST)}
            worker.snapshots.photo(Reported("k", "i", "scored", way, None, {}, ledger, 0.0))
    least = min(_seconds(worker.snapshots.frame) for _ in range(20))
    assert least < 0.001  # sorting them takes some milliseconds


def _seconds(what: Callable[[], object]) -> float:
    begun = time.thread_time()
    what()
    return time.thread_time() - begun
