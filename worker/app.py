"""Composition root: settings → adapters → stages → pipeline. The architecture on one screen.

poll ──uploads──▶ infer ──outcomes──▶ commit, each a thread that repeats its stage's step; the two queues are bounded.
"""

import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from worker import bundle, images
from worker.adapters import s3, sqs, tensorflow
from worker.adapters.redis import ResultStore
from worker.errors import ConfigurationError
from worker.leases import Leases
from worker.messages import Outcome, Prepared, Upload
from worker.pipeline import Helpers, Pipeline, Stage
from worker.queues import BoundedQueue
from worker.settings import Settings
from worker.stages.commit import Commit
from worker.stages.infer import Infer, Limits
from worker.stages.poll import Poll, Rules
from worker.telemetry import Telemetry

DOWNLOADS = 6  # helpers beyond one a core: most of a helper's time goes by waiting for S3


def utc_now() -> datetime:
    """Give the wall clock's time; everything else uses the monotonic clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class App:
    """A worker ready to start."""

    pipeline: Pipeline
    uploads: sqs.S3Uploads
    telemetry: Telemetry
    stopping: threading.Event  # set it to cut pauses short


def build(
    settings: Settings,
    telemetry: Telemetry,
    clock: Callable[[], float] = time.monotonic,
    checkpoint: Callable[[], None] = lambda: None,
) -> App:
    """Check that every part is there, warm the models up and join the stages; nothing is polled yet.

    `checkpoint` is called again and again meanwhile; it may raise to give the start up.
    Raises ConfigurationError, naming the part that is missing or does not fit.
    """
    cores = os.cpu_count() or 1
    helpers = settings.helpers or cores + DOWNLOADS
    store = _store(settings)
    photos = _photos(settings, connections=helpers + 1)
    queue_client = sqs.polling_client(settings.receive_wait)
    timeout = sqs.visibility_timeout(queue_client, settings.queue_url)
    timeout = settings.visibility_timeout or timeout
    models = _models(settings, telemetry, checkpoint)
    versions = {model.bundle.name: model.bundle.version for model in models}
    stopping = threading.Event()

    uploads: BoundedQueue[Upload | Outcome] = BoundedQueue(settings.upload_queue)
    ready: BoundedQueue[Prepared] = BoundedQueue(settings.batch_size)
    outcomes: BoundedQueue[Outcome] = BoundedQueue(settings.outcome_queue)

    source = sqs.S3Uploads(
        polling=queue_client,
        settling=sqs.settling_client(),
        photos=photos,
        queue_url=settings.queue_url,
        receive_wait=settings.receive_wait,
        timeout=timeout,
        retry_delay=sqs.back_off(settings.retry_delay, settings.retry_delay_max),
        leases=Leases(timeout, clock),
        telemetry=telemetry,
        clock=clock,
        now=utc_now,
    )
    poll = Poll(
        queue=source,
        results=store,
        uploads=uploads,
        rules=Rules(frozenset(settings.buckets), re.compile(settings.image_id_pattern)),
        models=versions,
        telemetry=telemetry,
        pause=stopping.wait,
    )
    infer = Infer(
        uploads=uploads,
        ready=ready,
        outcomes=outcomes,
        models=models,
        limits=Limits(settings.max_bytes, settings.max_pixels, decoders=cores),
        batch_wait=settings.batch_wait / 1000,
        telemetry=telemetry,
        clock=clock,
    )
    commit = Commit(
        outcomes=outcomes, store=store, models=versions, telemetry=telemetry, clock=clock, now=utc_now
    )
    stages = [
        Stage("poll", poll.step, output=uploads),
        Stage("infer", infer.step, output=outcomes, helpers=Helpers(infer.help, helpers, output=ready)),
        Stage("commit", commit.step),
    ]
    return App(Pipeline(stages, clock), source, telemetry, stopping)


def _store(settings: Settings) -> ResultStore:
    store = ResultStore.connect(
        settings.redis_url.get_secret_value(),
        key=settings.result_key,
        expiry=settings.result_expiry,
        timeout=settings.redis_timeout,
    )
    store.check()
    return store


def _photos(settings: Settings, connections: int) -> s3.Photos:
    photos = s3.Photos(s3.client(connections))
    for bucket in settings.buckets:
        photos.check(bucket)
    return photos


def _models(
    settings: Settings, telemetry: Telemetry, checkpoint: Callable[[], None]
) -> list[tensorflow.FrozenModel]:
    bundles = [bundle.read(location) for location in settings.model]
    first = bundles[0]
    for other in bundles[1:]:
        if other.manifest.input != first.manifest.input:
            raise ConfigurationError(
                f"{other.path} and {first.path} take different photos; side by side they need the same [input]"
            )
    if len({b.name for b in bundles}) < len(bundles):
        raise ConfigurationError(
            "WORKER_MODEL names two models of the same name; results need different ones"
        )
    tensorflow.configure(settings.model_threads)
    telemetry.event("warming_up", batch_sizes=settings.batch_size, devices=tensorflow.DEVICES)
    models = [tensorflow.FrozenModel(b, settings.batch_size) for b in bundles]
    for model in models:
        begun = time.monotonic()
        model.warm_up(checkpoint)
        seconds = round(time.monotonic() - begun, 2)
        telemetry.event("warmed_up", model=model.bundle.name, version=model.bundle.version, seconds=seconds)
    images.warm_up(first.manifest.input.target)
    return models
