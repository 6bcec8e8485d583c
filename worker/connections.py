"""Connections to SQS, S3 and Redis, each checked at start."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from worker.adapters.aws import s3, sqs
from worker.adapters.redis.store import ResultStore
from worker.errors import ConfigurationError
from worker.intake.s3_uploads import MessageQueue, Storage
from worker.photos import hashes
from worker.results import look_alikes
from worker.results.look_alikes import DuplicateRule
from worker.results.redis_keys import Keys
from worker.results.reuse import Remembered
from worker.settings import Settings
from worker.stages.commit import Store
from worker.stages.poll import Results
from worker.telemetry.counters import Telemetry

HELPERS_EACH, HELPERS_MOST = 16, 256  # threads a core and in all: most of their time goes by waiting for S3

SHORT_TIMEOUT = 20  # seconds


def utc_now() -> datetime:
    """Give the wall clock's time; everything else uses the monotonic clock."""
    return datetime.now(UTC)


class ResultsStore(Results, Store, Remembered, Protocol):
    """A store that results are written to and looked up in, and that knows duplicates."""


@dataclass(frozen=True, slots=True)
class Connections:
    """What the stages are joined to: queue, bucket and store."""

    queue: MessageQueue
    visibility_timeout: int  # seconds
    photos: Storage
    store: ResultsStore


def connect(settings: Settings, telemetry: Telemetry, clock: Callable[[], float]) -> Connections:
    """Connect to all of them. Raises ConfigurationError, naming the part that is missing or does not fit."""
    store = result_store(settings, duplicate_rule(settings))
    stored = photos(settings, helpers(settings) + 1, clock)
    queue = sqs.SqsQueue(settings.queue_url, receive_wait=settings.receive_wait, clock=clock, now=utc_now)
    timeout = queue.visibility_timeout(settings.visibility_timeout)
    _check_timeout(timeout, settings, telemetry)
    return Connections(queue, timeout, stored, store)


def result_store(settings: Settings, duplicates: DuplicateRule | None = None) -> ResultStore:
    """Connect to Redis; without `duplicates`, to read and to forget only. Raises ConfigurationError."""
    return ResultStore.connect(
        settings.redis_url.get_secret_value(),
        keys=Keys(settings.result_key),
        expiry=settings.result_expiry,
        timeout=settings.redis_timeout,
        index=duplicates,
    )


def duplicate_rule(settings: Settings) -> DuplicateRule:
    """Read what counts as a duplicate. Raises ConfigurationError for a radius that the index cannot search."""
    algorithm, radius = hashes.named(settings.hash), settings.duplicate_radius
    radius = algorithm.radius if radius is None else radius
    widest = look_alikes.widest_radius(algorithm.bits)
    if radius > widest:
        raise ConfigurationError(
            f"WORKER_DUPLICATE_RADIUS is {radius}: with {algorithm.name} it may be {widest} at most"
        )
    return DuplicateRule(radius, settings.duplicate_window)


def photos(settings: Settings, connections: int, clock: Callable[[], float]) -> s3.Photos:
    """Connect to the buckets, for so many threads. Raises ConfigurationError where one is not to be read."""
    found = s3.Photos(s3.client(connections), clock, s3.connections(connections))
    for bucket in settings.buckets:
        found.check(bucket)
    return found


def cores() -> int:
    """How many there are."""
    return os.cpu_count() or 1


def helpers(settings: Settings) -> int:
    """How many threads fetch and prepare photos, at most."""
    return settings.helpers or min(HELPERS_MOST, HELPERS_EACH * cores())


def _check_timeout(timeout: int, settings: Settings, telemetry: Telemetry) -> None:
    if timeout < SHORT_TIMEOUT:
        telemetry.warn(
            "short_visibility_timeout", seconds=timeout, reason="a pause of the process loses leases"
        )
    if timeout > settings.lease_most:
        raise ConfigurationError(
            f"the visibility timeout ({timeout} s) is longer than WORKER_LEASE_MOST ({settings.lease_most} s)"
        )
