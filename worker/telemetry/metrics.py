"""The table of all metrics: name, unit and meaning, for CloudWatch, Prometheus and the docs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Unit = Literal["Bytes", "Count", "Milliseconds"]  # as CloudWatch calls them


@dataclass(frozen=True, slots=True)
class Counter:
    """A metric that sums one or more counts of the telemetry."""

    name: str  # in CloudWatch
    counts: tuple[str, ...]  # their names in the telemetry
    family: str  # in Prometheus, without prefix and suffix
    doc: str
    labels: Mapping[str, str] = field(default_factory=dict)
    is_rare: bool = (
        False  # CloudWatch, which bills each metric by the hour, hears of it only if there was any
    )


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
    peak: bool = False  # a gauge that CloudWatch gets the highest value of, once in each interval


def _counter(family: str, doc: str, *counts: str, **label: str) -> Counter:
    """Sum the `counts`, by default the one named like the family and its label."""
    name = "_".join([family, *label.values()])
    return Counter(_camel(name), counts or (name,), family, doc, label)


def _latency(step: str, doc: str) -> Distribution:
    name = f"latency_{step}"
    return Distribution(_camel(name), name, "latency", "Milliseconds", doc, {"step": step})


def _depth(queue: str, doc: str) -> Distribution:
    name = f"depth_{queue}"
    return Distribution(
        _camel(name), name, "queue_depth", "Count", doc, {"queue": queue}, gauge=True, peak=True
    )


def _held(name: str, unit: Unit, doc: str) -> Distribution:
    return Distribution(_camel(name), name, name, unit, doc, gauge=True, peak=True)


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

REFUSALS = {  # by code; docs/contract.md says what each means
    "bad_request": 400,
    "no_image_id": 400,
    "empty_object": 400,
    "unauthorized": 401,
    "not_found": 404,
    "no_store": 404,
    "method_not_allowed": 405,
    "slow_body": 408,
    "overtaken": 409,
    "forgotten": 409,
    "too_many_bytes": 413,
    "too_many_pixels": 413,
    "unsupported_format": 415,
    "unreadable_image": 422,
    "too_costly": 422,
    "decoder_crashed": 422,
    "too_many_requests": 429,
    "too_many_viewers": 429,
    "large_head": 431,
    "internal_error": 500,
    "model_trouble": 500,
    "model_out_of_memory": 500,
    "result_refused": 500,
    "starting": 503,
    "stopping": 503,
    "store_trouble": 503,
    "storage_trouble": 503,
    "out_of_memory": 503,
    "no_connection": 503,
    "too_late": 504,
}

# What only a worker with both ways in tells CloudWatch, which bills each metric. Prometheus gets all.
DOOR_COUNTERS = (
    _counter(
        "photos_by_way", "photos from the queue that were taken into work", "photos_by_queue", way="queue"
    ),
    _counter("photos_by_way", "photos by HTTP that were taken into work", "photos_by_http", way="http"),
    _counter(
        "photos_abandoned", "photos by HTTP that were not scored because their client had gone", "abandoned"
    ),
    _counter(
        "connections_closed",
        "connections without a request that made room for new ones",
        "door_connection_evicted",
        why="idle",
    ),
    _counter(
        "connections_closed",
        "connections on which nothing came in time",
        "door_connection_silent",
        why="silent",
    ),
    _counter("door_errors", "errors of the door's own: bugs", "door_error", "request_crashed"),
    *(
        Counter(
            _camel(f"refusals_{code}"),
            (f"refusals_{code}",),
            "refusals",
            f"requests answered with {status}",
            {"code": code, "status": str(status)},
            is_rare=True,
        )
        for code, status in REFUSALS.items()
    ),
)

DOOR_DISTRIBUTIONS = (
    _latency("receive", "the client's first byte → its last one; no part of the total"),
    _depth("uploads", "photos from the queue that wait for a helper"),
    _depth("door", "photos by HTTP that wait for a helper"),
    _depth("ready", "decoded photos that wait for the model"),
    _depth("outcomes", "scored or failed photos that wait for Redis"),
    _depth("acknowledge", "photos from the queue whose messages wait to be deleted"),
    _depth("waiting_for_s3", "photos that wait until S3 answers again"),
    _depth("waiting_for_model", "photos that wait until the model works again"),
    _held("door_in_work", "Count", "photos by HTTP that were accepted and have no outcome yet"),
    _held("door_bytes_held", "Bytes", "bytes of photos by HTTP that count for WORKER_DOOR_MEMORY"),
)
