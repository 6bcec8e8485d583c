"""The worker's own pipeline, joined to a queue, storage and a store that lie in memory."""

import os
import re
import threading
import time
from dataclasses import dataclass
from typing import Any

from tests.bench.memory_parts import BUCKET, ForgetfulStore, MemoryPhotos, MemoryQueue, announcements
from tests.bench.processes import LostError
from worker import app
from worker.leases import Leases
from worker.messages import Outcome, Prepared, Upload
from worker.outages import Outages
from worker.pipeline import Helpers, Pipeline, Stage
from worker.queues import BoundedQueue
from worker.settings import Settings
from worker.stages.commit import Commit
from worker.stages.infer import Infer, Limits, Model
from worker.stages.poll import Poll, Rules
from worker.telemetry import Telemetry
from worker.uploads import S3Uploads, back_off

LEASE = 60  # seconds
TICK = 0.25  # seconds between two looks at leases, as in the worker
SILENCE = (
    60.0  # seconds without the last delete, a photo a second counted in addition, after which photos are lost
)


@dataclass(frozen=True, slots=True)
class InMemory:
    """A worker whose queue, storage and store take no time."""

    pipeline: Pipeline
    uploads: S3Uploads
    queue: MemoryQueue
    photos: MemoryPhotos
    store: ForgetfulStore
    models: list[Any]

    def run(self, photos: list[bytes], count: int) -> tuple[float, float]:
        """Score `count` photos: photos/s, CPU milliseconds a photo, from the send to the last delete."""
        self.photos.hold(photos)
        bodies, scored = announcements(count), self.store.statuses["scored"]
        begun, cpu = time.monotonic(), time.process_time()
        self.queue.send(bodies)
        while not self.queue.all_deleted(TICK):
            self.uploads.extend_due()
            if self.pipeline.error or time.monotonic() - begun > SILENCE + count:
                raise LostError(f"{self.queue.open} of {count} photos are lost: {self.pipeline.error}")
        took, used = time.monotonic() - begun, time.process_time() - cpu
        if self.store.statuses["scored"] - scored != count:
            raise LostError(f"not all of {count} photos have a score: {dict(self.store.statuses)}")
        return count / took, used * 1000 / count


def assembled(wanted: Settings) -> InMemory:
    """Join the worker's parts as app.build does, but for what lies outside the process."""
    telemetry, clock, stopping = Telemetry(), time.monotonic, threading.Event()
    queue, photos, store = MemoryQueue(), MemoryPhotos(), ForgetfulStore()
    models: list[Model] = list(app._models(wanted, telemetry, lambda: None))
    versions = {model.bundle.name: model.bundle.version for model in models}
    outages, cores = Outages(clock, lambda: 0.0), os.cpu_count() or 1
    uploads: BoundedQueue[Upload | Outcome] = BoundedQueue(wanted.upload_queue)
    ready: BoundedQueue[Prepared] = BoundedQueue(wanted.batch_size)
    outcomes: BoundedQueue[Outcome] = BoundedQueue(wanted.outcome_queue)
    source = S3Uploads(
        queue=queue,
        photos=photos,
        leases=Leases(LEASE, wanted.lease_most, clock),
        retry_delay=back_off(wanted.retry_delay, wanted.retry_delay_max),
        telemetry=telemetry,
        clock=clock,
    )
    poll = Poll(
        queue=source,
        results=store,
        uploads=uploads,
        rules=Rules(frozenset({BUCKET}), re.compile(wanted.image_id_pattern)),
        models=versions,
        telemetry=telemetry,
        outages=outages,
        stopping=stopping,
    )
    infer = Infer(
        uploads=uploads,
        ready=ready,
        outcomes=outcomes,
        models=models,
        limits=Limits(wanted.max_bytes, wanted.max_pixels, decoders=cores),
        batch_wait=wanted.batch_wait / 1000,
        telemetry=telemetry,
        outages=outages,
        stopping=stopping,
        clock=clock,
    )
    commit = Commit(
        outcomes=outcomes,
        store=store,
        models=versions,
        telemetry=telemetry,
        outages=outages,
        clock=clock,
        now=app.utc_now,
    )
    helpers = Helpers(infer.help, wanted.helpers or cores + app.DOWNLOADS, output=ready)
    stages = [
        Stage("poll", poll.step, output=uploads),
        Stage("infer", infer.step, output=outcomes, helpers=helpers),
        Stage("commit", commit.step),
    ]
    return InMemory(Pipeline(stages, clock), source, queue, photos, store, models)
