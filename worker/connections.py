"""Connections to SQS, S3 and Redis, each checked at start."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from worker.adapters.aws import s3, sqs
from worker.adapters.redis.store import RedisStore
from worker.door.waiting.look_ups import LookUps
from worker.door.waiting.readers import Readers
from worker.errors import ConfigurationError
from worker.intake.leases import Leases
from worker.intake.queue_calls import MessageQueue
from worker.intake.queue_rules import complaints
from worker.intake.s3_uploads import S3Uploads, Storage, back_off
from worker.photos import hashes
from worker.results import look_alikes
from worker.results.look_alikes import DuplicateRule
from worker.results.null_store import NullStore
from worker.results.redis_keys import Keys
from worker.results.store import ResultStore
from worker.results.watched import WatchedStore
from worker.settings import Settings
from worker.settings.capacity import helper_threads
from worker.telemetry.counters import Telemetry


def utc_now() -> datetime:
    """Read the wall clock. Everything but dates uses the monotonic clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Connections:
    """Queue, buckets and store of a worker. `queue`: None where photos come by HTTP alone."""

    queue: MessageQueue | None
    visibility_timeout: int  # seconds
    photos: Storage
    store: ResultStore


def connect(settings: Settings, telemetry: Telemetry, clock: Callable[[], float]) -> Connections:
    """Connect and check. Raises ConfigurationError, naming the part that is missing or does not fit."""
    store = result_store(settings, duplicate_rule(settings)) if has_store(settings) else NullStore()
    stored = photos(settings, helper_threads(settings) + 1, clock)
    if not settings.queue_url:
        return Connections(None, 0, stored, store)
    queue = sqs.SqsQueue(settings.queue_url, receive_wait=settings.receive_wait, clock=clock, now=utc_now)
    rules = queue.rules()
    timeout = settings.visibility_timeout or rules.visibility_timeout
    queue.use_visibility_timeout(timeout)
    if timeout > settings.lease_most:
        raise ConfigurationError(
            f"the visibility timeout ({timeout} s) is longer than WORKER_LEASE_MOST ({settings.lease_most} s)"
        )
    for name, details in complaints(rules, timeout, settings.alone_after):
        telemetry.warn(name, **details)
    return Connections(queue, timeout, stored, store)


def s3_uploads(
    settings: Settings, connections: Connections, telemetry: Telemetry, clock: Callable[[], float]
) -> S3Uploads:
    """Make the source of photos: messages of the queue, photos from the buckets. Raises ConfigurationError."""
    if connections.queue is None:
        raise ConfigurationError("WORKER_QUEUE_URL is not set")
    return S3Uploads(
        queue=connections.queue,
        photos=connections.photos,
        notes=connections.store,
        leases=Leases(connections.visibility_timeout, settings.lease_most, clock),
        retry_delay=back_off(settings.retry_delay, settings.retry_delay_max),
        telemetry=telemetry,
        clock=clock,
    )


def has_store(settings: Settings) -> bool:
    """Whether results are kept anywhere."""
    return bool(settings.redis_url.get_secret_value())


def result_store(settings: Settings, rule: DuplicateRule | None = None) -> RedisStore:
    """Connect to Redis; without a `rule`, to read and to forget only. Raises ConfigurationError."""
    return RedisStore.connect(
        settings.redis_url.get_secret_value(),
        keys=Keys(settings.result_key),
        expiry=settings.result_expiry,
        timeout=settings.redis_timeout,
        rule=rule,
    )


def readers(settings: Settings, results: WatchedStore, telemetry: Telemetry) -> Readers | None:
    """Make the readers of stored results. None if none are stored."""
    store = results.store
    if not isinstance(store, RedisStore):
        return None
    look_ups = LookUps(results, patience=2 * settings.redis_timeout)
    waiters = settings.door_connections // 2  # the others are for photos
    return Readers(look_ups, store.subscriber(), store.keys.result, waiters, telemetry)


def duplicate_rule(settings: Settings) -> DuplicateRule:
    """Read what counts as a duplicate. Raises ConfigurationError for a radius that the index cannot search."""
    algorithm, radius = hashes.find(settings.hash), settings.duplicate_radius
    radius = algorithm.radius if radius is None else radius
    widest = look_alikes.widest_radius(algorithm.bits)
    if radius > widest:
        raise ConfigurationError(
            f"WORKER_DUPLICATE_RADIUS is {radius}: with {algorithm.name} it may be {widest} at most"
        )
    return DuplicateRule(radius, settings.duplicate_window)


def photos(settings: Settings, connections: int, clock: Callable[[], float]) -> s3.Photos:
    """Connect to the buckets. Raises ConfigurationError for one that cannot be read."""
    found = s3.Photos(connections, clock)
    for bucket in settings.buckets:
        found.check(bucket)
    return found


def door_storage(settings: Settings, clock: Callable[[], float]) -> s3.Photos | None:
    """Connect to the bucket for photos that come by HTTP, if there is one. Raises ConfigurationError."""
    if not settings.door_bucket:
        return None
    found = s3.Photos(helper_threads(settings) + 1, clock)
    found.check(settings.door_bucket)
    return found
