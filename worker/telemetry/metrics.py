"""What is measured: every metric, its unit and its meaning; the same for CloudWatch, Prometheus and docs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Unit = Literal["Count", "Milliseconds"]  # as CloudWatch calls them


@dataclass(frozen=True, slots=True)
class Counter:
    """The sum of some counts of the telemetry."""

    name: str  # in CloudWatch
    counts: tuple[str, ...]  # in the telemetry
    family: str  # in Prometheus, without prefix and suffix
    doc: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Distribution:
    """Every single value that was observed; a `gauge` is one whose last value counts."""

    name: str  # in CloudWatch
    observed: str  # in the telemetry
    family: str  # in Prometheus, without prefix; latencies are seconds there
    unit: Unit
    doc: str
    labels: Mapping[str, str] = field(default_factory=dict)
    gauge: bool = False


def _photos(outcome: str, doc: str, *counts: str) -> Counter:
    return Counter(f"Photos{_camel(outcome)}", counts, "photos", doc, {"outcome": outcome})


def _camel(snake: str) -> str:
    return "".join(word.capitalize() for word in snake.split("_"))


def _latency(step: str, doc: str) -> Distribution:
    name, observed = f"Latency{_camel(step)}", f"latency_{step}"
    return Distribution(name, observed, "latency", "Milliseconds", doc, {"step": step})


COUNTERS = (
    _photos("scored", "a score was written", "photos_scored"),
    _photos("unrecognised", "written: no food that the model knows", "photos_unrecognised"),
    _photos("failed", "written: the photo itself is at fault", "photos_failed"),
    _photos(
        "already_scored", "redelivered, or known: nothing new", "photos_already_scored", "already_scored"
    ),
    _photos("released", "something was in trouble; the message comes again", "released"),
    _photos("returned", "not begun when a stop came; shown again at once", "returned"),
    Counter("MessagesReceived", ("messages_received",), "messages_received", "taken from the queue"),
    Counter("Redeliveries", ("redeliveries",), "redeliveries", "of them, received before"),
    Counter("MessagesIgnored", ("ignored",), "messages_ignored", "events that are no upload; deleted"),
    Counter(
        "MessagesLeft",
        ("left_to_dead_letter_queue",),
        "messages_left",
        "records that nobody could read, or not ours, at each receive; left to the dead-letter queue",
    ),
    Counter("ObjectiveMet", ("objective_met",), "objective", "written in time", {"result": "met"}),
    Counter("ObjectiveMissed", ("objective_missed",), "objective", "written late", {"result": "missed"}),
    Counter("DuplicatesExact", ("duplicates_exact",), "duplicates", "same bytes", {"kind": "exact"}),
    Counter("DuplicatesNear", ("duplicates_near",), "duplicates", "look the same", {"kind": "near"}),
    Counter("ScoresReused", ("scores_reused",), "scores_reused", "photos that the model was spared"),
    Counter("LeasesExtended", ("leases_extended",), "leases_extended", "messages hidden for longer"),
    Counter("LeasesLost", ("lease_lost",), "leases_lost", "messages that others may have received"),
    Counter("Batches", ("batches",), "batches", "batches given to the models"),
    *(
        Counter(
            f"BatchesClosed{_camel(why)}", (f"batches_closed_{why}",), "batches_closed", doc, {"why": why}
        )
        for why, doc in (
            ("full", "took no more photos: the largest size was reached"),
            ("device_free", "took no more photos: none was ready, the device was free"),
            ("deadline", "took no more photos: one of them had to go"),
        )
    ),
    Counter("BatchedPhotos", ("batched_photos",), "batched_photos", "photos in all batches"),
    Counter("PaddedRows", ("padded_rows",), "padded_rows", "rows computed for nothing, to fill a size up"),
    Counter("Starts", ("polling",), "starts", "workers that began to poll"),
)

DISTRIBUTIONS = (
    _latency("notify", "upload → SQS"),
    _latency("queue", "SQS → received"),
    _latency("wait", "received → a helper takes it"),
    _latency("fetch", "S3 → memory"),
    _latency("decode", "bytes → pixels and hash"),
    _latency("batch_wait", "ready → the model begins"),
    _latency("infer", "the model"),
    _latency("commit", "scored → Redis has it"),
    _latency("total", "upload → Redis has it"),
    Distribution("BatchSize", "batch_size", "batch_size", "Count", "photos of a batch"),
    Distribution("InFlight", "in_flight", "in_flight", "Count", "messages held at that moment", gauge=True),
)
