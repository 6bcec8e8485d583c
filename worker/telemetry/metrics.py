"""The table of all metrics: name, unit and meaning, for CloudWatch, Prometheus and the docs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Unit = Literal["Count", "Milliseconds"]  # as CloudWatch calls them


@dataclass(frozen=True, slots=True)
class Counter:
    """A metric that sums one or more counts of the telemetry."""

    name: str  # in CloudWatch
    counts: tuple[str, ...]  # their names in the telemetry
    family: str  # in Prometheus, without prefix and suffix
    doc: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Distribution:
    """A metric that keeps every observed value. Of a `gauge`, only the last value matters."""

    name: str  # in CloudWatch
    source: str  # its name in the telemetry
    family: str  # in Prometheus, without prefix; latencies are seconds there
    unit: Unit
    doc: str
    labels: Mapping[str, str] = field(default_factory=dict)
    gauge: bool = False


def _counter(family: str, doc: str, *counts: str, **label: str) -> Counter:
    """Sum the `counts`, by default the one named like the family and its label."""
    name = "_".join([family, *label.values()])
    return Counter(_camel(name), counts or (name,), family, doc, label)


def _latency(step: str, doc: str) -> Distribution:
    name = f"latency_{step}"
    return Distribution(_camel(name), name, "latency", "Milliseconds", doc, {"step": step})


def _camel(snake: str) -> str:
    return "".join(word.capitalize() for word in snake.split("_"))


COUNTERS = (
    _counter("photos", "result written with a score", outcome="scored"),
    _counter("photos", "result written; the model knows no such food", outcome="unrecognised"),
    _counter("photos", "result written; the photo itself cannot be scored", outcome="failed"),
    _counter(
        "photos",
        "nothing new: redelivered, or scored before",
        "photos_already_scored",
        "already_scored",
        outcome="already_scored",
    ),
    _counter(
        "photos", "not scored because something failed; will be retried", "released", outcome="released"
    ),
    _counter("photos", "not started before a stop; visible again at once", "returned", outcome="returned"),
    _counter("messages_received", "messages received from the queue"),
    _counter("redeliveries", "received messages that had been received before"),
    _counter("messages_ignored", "events that are not uploads; deleted", "ignored"),
    _counter(
        "messages_left",
        "records that are unreadable or not for this worker, counted at each receive; left for the dead-letter queue",
        "left_to_dead_letter_queue",
    ),
    _counter("objective", "results written in time", result="met"),
    _counter("objective", "results written late", result="missed"),
    _counter("duplicates", "photos with the same bytes as an earlier one", kind="exact"),
    _counter("duplicates", "photos that look like an earlier one", kind="near"),
    _counter("scores_reused", "photos that took the score of a duplicate instead of running the model"),
    _counter("leases_extended", "messages whose visibility timeout was extended"),
    _counter("leases_lost", "messages that another worker may have received", "lease_lost"),
    _counter("batches", "batches run by the models"),
    _counter("batches_closed", "closed because it reached the largest size", why="full"),
    _counter(
        "batches_closed", "closed because no photo was ready and the device was free", why="device_free"
    ),
    _counter("batches_closed", "closed because a photo in it was about to be late", why="deadline"),
    _counter("batched_photos", "photos in all batches"),
    _counter(
        "photos_too_costly",
        "photos that cost too much to decode, or crashed their decoder",
        "photo_too_costly",
    ),
    _counter("decoders_replaced", "decoder processes that ended while they had a photo", "decoder_replaced"),
    _counter("padded_rows", "padding rows computed to reach an allowed batch size"),
    _counter("starts", "workers that started to poll", "polling"),
)

DISTRIBUTIONS = (
    _latency("notify", "upload → SQS"),
    _latency("queue", "SQS → received"),
    _latency("wait", "received → taken by a helper"),
    _latency("fetch", "S3 → memory"),
    _latency("decode", "bytes → pixels and hash"),
    _latency("batch_wait", "ready → model starts"),
    _latency("infer", "model run"),
    _latency("commit", "scored → confirmed by Redis"),
    _latency("total", "upload → confirmed by Redis"),
    Distribution("BatchSize", "batch_size", "batch_size", "Count", "photos in a batch"),
    Distribution(
        "InFlight", "in_flight", "in_flight", "Count", "messages received and not yet settled", gauge=True
    ),
)
