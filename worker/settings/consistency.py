"""Checks that the settings do not contradict each other."""

import re
import resource
from collections.abc import Iterator
from typing import TYPE_CHECKING

from worker.results.redis_keys import Keys

if TYPE_CHECKING:  # Settings checks itself with this file
    from worker.settings.declarations import Settings

PLACES_PER_CONNECTION = 0.75  # at most; the others are for refusals, readers and checks
SETTLING = 4  # seconds that a stop leaves for the last deletes and releases
CONNECTING = 11  # seconds that one try of a receive may take beyond its long poll: adapters/aws/sqs.py
RETRYING = 1  # seconds at most between two tries of a receive
# Time-outs until a call of Redis fails: two; or one, and one for each node of a cluster that hangs, here of three:
REDIS_TRIES = 4  # adapters/redis/nodes.py
MB = 1_000_000  # bytes of WORKER_DOOR_MEMORY's unit
MOST_FILES = 0.5  # part of a process's files for the door's connections; S3, Redis and decoders need others
FETCHING = 23  # seconds that a fetch may go without a sign of life: adapters/aws/s3.py


def contradictions(settings: "Settings") -> Iterator[str]:
    """Give each contradiction in one line that names the settings and their values."""
    wait, redis = f"WORKER_RECEIVE_WAIT ({settings.receive_wait} s)", settings.redis_timeout
    stop = settings.receive_wait + settings.batch_wait / 1000 + 2 * redis + SETTLING
    if stop > settings.drain_deadline:
        yield (
            f"WORKER_DRAIN_DEADLINE ({settings.drain_deadline} s) is too short: {wait} + WORKER_BATCH_WAIT "
            f"({settings.batch_wait} ms) + twice WORKER_REDIS_TIMEOUT ({redis:g} s) + {SETTLING} s for deletes "
            f"are {stop:g} s"
        )
    # A receive is tried twice. A step makes up to four calls of Redis without a sign of life.
    longest = max(2 * (settings.receive_wait + CONNECTING) + RETRYING, FETCHING, 4 * REDIS_TRIES * redis)
    if settings.stall_after <= longest:
        yield (
            f"WORKER_STALL_AFTER ({settings.stall_after} s) is too short: with {wait} and WORKER_REDIS_TIMEOUT "
            f"({redis:g} s) one step of a healthy worker may take {longest:g} s"
        )
    yield from _contradictions_of_the_door(settings)
    timeout = settings.visibility_timeout
    if timeout is not None and timeout > settings.lease_most:
        yield (
            f"WORKER_LEASE_MOST ({settings.lease_most} s) must not be shorter than WORKER_VISIBILITY_TIMEOUT "
            f"({timeout} s)"
        )
    if settings.retry_delay > settings.retry_delay_max:
        yield (
            f"WORKER_RETRY_DELAY ({settings.retry_delay} s) must not exceed WORKER_RETRY_DELAY_MAX "
            f"({settings.retry_delay_max} s)"
        )
    if timeout is not None and timeout <= settings.batch_wait / 1000:
        yield (
            f"WORKER_BATCH_WAIT ({settings.batch_wait} ms) must be shorter than WORKER_VISIBILITY_TIMEOUT "
            f"({timeout} s)"
        )
    if settings.pad_to and settings.pad_to[-1] != settings.batch_size:
        yield f"WORKER_PAD_TO must end with WORKER_BATCH_SIZE ({settings.batch_size}), not {settings.pad_to[-1]}"
    has_owner = "owner" in re.compile(settings.image_id_pattern).groupindex
    names_owner = Keys(settings.result_key).names_owner
    if has_owner and not names_owner:
        yield (
            "WORKER_IMAGE_ID_PATTERN names an owner: WORKER_RESULT_KEY must name the {owner} too, such as "
            "result:{owner}:{image_id}, or owners would read one another's results"
        )
    if names_owner and not has_owner:
        yield "WORKER_RESULT_KEY names an {owner}: WORKER_IMAGE_ID_PATTERN must have a group of that name"
    if settings.engine in {"litert", "openvino"} and settings.precision == "mixed":
        yield f"WORKER_PRECISION=mixed is for GPUs, WORKER_ENGINE={settings.engine} for CPUs"


def _contradictions_of_the_door(settings: "Settings") -> Iterator[str]:
    if not settings.door_port:
        if not settings.queue_url:
            yield "neither WORKER_QUEUE_URL nor WORKER_DOOR_PORT is set: no photo could come in"
        return
    if settings.door_linger + settings.door_wait + SETTLING > settings.drain_deadline:
        yield (
            f"WORKER_DRAIN_DEADLINE ({settings.drain_deadline} s) is too short: WORKER_DOOR_LINGER "
            f"({settings.door_linger:g} s) + WORKER_DOOR_WAIT ({settings.door_wait:g} s) + {SETTLING} s to settle "
            f"are {settings.door_linger + settings.door_wait + SETTLING:g} s"
        )
    if settings.door_port == settings.metrics_port:
        yield f"WORKER_DOOR_PORT and WORKER_METRICS_PORT are both {settings.door_port}"
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if settings.door_connections > files * MOST_FILES:
        yield (
            f"WORKER_DOOR_CONNECTIONS ({settings.door_connections}) is more than half of the files that this "
            f"process may open ({files}): raise `ulimit -n`, or ECS's `nofile`"
        )
    if settings.door_most > settings.door_connections * PLACES_PER_CONNECTION:
        yield (
            f"WORKER_DOOR_MOST ({settings.door_most}) is more than three quarters of WORKER_DOOR_CONNECTIONS "
            f"({settings.door_connections}): who is too many could not be told so"
        )
    if settings.door_memory * MB < settings.max_bytes:
        yield (
            f"WORKER_DOOR_MEMORY ({settings.door_memory} MB) is less than one photo of WORKER_MAX_BYTES "
            f"({settings.max_bytes}): it would be refused for ever"
        )
    if settings.door_prefix and not settings.door_bucket:
        yield f"WORKER_DOOR_PREFIX ({settings.door_prefix}) is set, but no WORKER_DOOR_BUCKET to store photos in"
    if settings.door_bucket and settings.buckets and settings.door_bucket not in settings.buckets:
        yield (
            f"WORKER_DOOR_BUCKET ({settings.door_bucket}) is not among WORKER_BUCKETS: the queue's announcements of "
            "photos that came by HTTP would be refused"
        )
