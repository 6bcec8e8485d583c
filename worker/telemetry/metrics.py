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
    doc: str  # read alone in the documents, and in Prometheus if there are no labels
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
    _counter("photos", "Photos that got a result with a score.", outcome="scored"),
    _counter(
        "photos",
        "Photos that got a result without a score, because the model knows no such food.",
        outcome="unrecognised",
    ),
    _counter(
        "photos",
        "Photos that got a failed result, because the photo itself cannot be scored.",
        outcome="failed",
    ),
    _counter(
        "photos",
        "Photos that needed no new result, because they were redelivered or had been scored before.",
        "photos_already_scored",
        "already_scored",
        outcome="already_scored",
    ),
    _counter(
        "photos",
        "Photos that got no result because something other than the photo failed; their messages come back.",
        "released",
        outcome="released",
    ),
    _counter(
        "photos",
        "Photos that a stop gave back before they were in work; their messages are visible again at once.",
        "returned",
        outcome="returned",
    ),
    _counter("messages_received", "SQS messages received from the queue."),
    _counter("redeliveries", "SQS messages received from the queue that had been received before."),
    _counter("messages_ignored", "Events from the queue that are no uploads, and were deleted.", "ignored"),
    _counter(
        "messages_left",
        "Records from the queue that are unreadable or not for this worker, counted at each receive; they are left for "
        "the dead-letter queue.",
        "left_to_dead_letter_queue",
    ),
    _counter("objective", "Results written within the objective (WORKER_OBJECTIVE).", result="met"),
    _counter(
        "objective", "Results written later than the objective (WORKER_OBJECTIVE) asks for.", result="missed"
    ),
    _counter("duplicates", "Photos with the same bytes as an earlier photo.", kind="exact"),
    _counter("duplicates", "Photos that look like an earlier photo.", kind="near"),
    _counter("scores_reused", "Photos that took the score of a duplicate instead of running the model."),
    _counter(
        "leases_extended", "SQS messages whose visibility timeout was extended while the worker held them."
    ),
    _counter(
        "leases_lost",
        "SQS messages that another worker may have received while the worker held them.",
        "lease_lost",
    ),
    _counter("batches", "Batches of photos that the models ran."),
    _counter("batches_closed", "Batches closed because they had reached the largest size.", why="full"),
    _counter(
        "batches_closed",
        "Batches closed because no other photo was ready and the device was free.",
        why="device_free",
    ),
    _counter(
        "batches_closed", "Batches closed because a photo in them was about to be late.", why="deadline"
    ),
    _counter("batched_photos", "Photos in all batches that the models ran."),
    _counter(
        "photos_too_costly",
        "Photos that took too much time or memory to decode, or crashed their decoder.",
        "photo_too_costly",
    ),
    _counter(
        "decoders_replaced",
        "Decoder processes that ended while they had a photo, and were replaced.",
        "decoder_replaced",
    ),
    _counter("padded_rows", "Rows of padding that the models computed to reach an allowed batch size."),
    _counter("starts", "Starts of a worker, counted when it begins to poll.", "polling"),
)

DISTRIBUTIONS = (
    _latency("notify", "Time from a photo's upload to its message in SQS."),
    _latency("queue", "Time that a photo's message waited in SQS until it was received."),
    _latency("wait", "Time that a received photo waited until a helper took it."),
    _latency("fetch", "Time to bring a photo's bytes into memory and look them up."),
    _latency("decode", "Time to turn a photo's bytes into pixels and a hash."),
    _latency("batch_wait", "Time that a decoded photo waited until the model began on its batch."),
    _latency("infer", "Time that the models took for a photo's batch."),
    _latency("commit", "Time from a photo's outcome until its result was about to be written to Redis."),
    _latency(
        "total",
        "Time from a photo's upload, or its last byte by HTTP, until its result was about to be written to Redis.",
    ),
    Distribution(
        "BatchSize",
        "batch_size",
        "batch_size",
        "Count",
        "Number of photos in each batch that the models ran.",
    ),
    Distribution(
        "InFlight",
        "in_flight",
        "in_flight",
        "Count",
        "SQS messages that the worker has received and not yet settled.",
        gauge=True,
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
        "photos_by_way", "Photos from the queue that were taken into work.", "photos_by_queue", way="queue"
    ),
    _counter("photos_by_way", "Photos by HTTP that were taken into work.", "photos_by_http", way="http"),
    _counter(
        "photos_abandoned", "Photos by HTTP that were not scored because their client had gone.", "abandoned"
    ),
    _counter(
        "connections_closed",
        "HTTP connections without a request that were closed to make room for new ones.",
        "door_connection_evicted",
        why="idle",
    ),
    _counter(
        "connections_closed",
        "HTTP connections that were closed because nothing came on them in time.",
        "door_connection_silent",
        why="silent",
    ),
    _counter(
        "door_errors", "Errors of the door's own code, each of them a bug.", "door_error", "request_crashed"
    ),
    *(
        Counter(
            _camel(f"refusals_{code}"),
            (f"refusals_{code}",),
            "refusals",
            f"HTTP requests refused with status {status} and code {code}.",
            {"code": code, "status": str(status)},
            is_rare=True,
        )
        for code, status in REFUSALS.items()
    ),
)

DOOR_DISTRIBUTIONS = (
    _latency("receive", "Time from the first byte of a photo by HTTP to its last one; no part of the total."),
    _depth("uploads", "Photos from the queue that wait for a helper."),
    _depth("door", "Photos by HTTP that wait for a helper."),
    _depth("ready", "Decoded photos that wait for the model."),
    _depth("outcomes", "Scored or failed photos that wait for Redis."),
    _depth("acknowledge", "Photos from the queue whose messages wait to be deleted."),
    _depth("waiting_for_s3", "Photos that wait until S3 answers again."),
    _depth("waiting_for_model", "Photos that wait until the model works again."),
    _held("door_in_work", "Count", "Photos by HTTP that were accepted and have no outcome yet."),
    _held("door_bytes_held", "Bytes", "Bytes of photos by HTTP that count for WORKER_DOOR_MEMORY."),
)
