"""The worker's stages joined as worker/app.py joins them, with ends in memory. When app changes, this does."""

import re
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from tests.bench.endless import CountingStore, EndlessQueue, MemoryPhotos
from tests.bench.rig import CORES
from worker import settings
from worker.leases import Leases
from worker.messages import Outcome, Prepared, Upload
from worker.outages import Outages
from worker.pipeline import Helpers, Pipeline, Stage
from worker.queues import BoundedQueue
from worker.service_times import ServiceTimes
from worker.stages.commit import Commit
from worker.stages.infer import Infer, Replica
from worker.stages.poll import Poll, Rules
from worker.stages.prepare import Limits, Prepare
from worker.telemetry import Telemetry
from worker.uploads import S3Uploads, back_off
from worker.window import Window

HELPERS_EACH, HELPERS_MOST = 16, 256  # threads a core and in all, as worker/app.py has them
LEASE = 60.0  # seconds; nobody else takes the messages


def compose(
    wanted: settings.Settings,
    replicas: Sequence[Replica],
    service_times: ServiceTimes,
    photos: list[bytes],
    store: CountingStore,
) -> Pipeline:
    """Build a pipeline that nothing but `cancel` ends."""
    telemetry, stopping, clock = Telemetry(), threading.Event(), time.monotonic
    outages = Outages(clock, lambda: 0.5)
    decoders, helpers = wanted.decoders or CORES, wanted.helpers or min(HELPERS_MOST, HELPERS_EACH * CORES)
    bundles = [model.bundle for model in replicas[0]]
    models = {bundle.name: bundle.version for bundle in bundles}
    uploads: BoundedQueue[Upload | Outcome] = BoundedQueue(wanted.upload_queue)
    ready: BoundedQueue[Prepared] = BoundedQueue(wanted.batch_size * len(replicas))
    outcomes: BoundedQueue[Outcome] = BoundedQueue(wanted.outcome_queue)
    source = S3Uploads(
        queue=EndlessQueue(),
        photos=MemoryPhotos(photos),
        leases=Leases(LEASE, wanted.lease_most, clock),
        retry_delay=back_off(wanted.retry_delay, wanted.retry_delay_max),
        telemetry=telemetry,
        clock=clock,
    )
    poll = Poll(
        queue=source,
        results=store,
        uploads=uploads,
        rules=Rules(frozenset(wanted.buckets), re.compile(wanted.image_id_pattern)),
        models=models,
        telemetry=telemetry,
        outages=outages,
        stopping=stopping,
    )
    prepare = Prepare(
        uploads=uploads,
        ready=ready,
        outcomes=outcomes,
        target=bundles[0].manifest.input.target,
        limits=Limits(wanted.max_bytes, wanted.max_pixels, decoders),
        window=Window(decoders, helpers, lambda: service_times.rate() * len(replicas)),
        objective=wanted.objective / 1000,
        outages=outages,
        stopping=stopping,
        clock=clock,
    )
    infer = Infer(
        ready=ready,
        outcomes=outcomes,
        replicas=replicas,
        service_times=service_times,
        batch_wait=wanted.batch_wait / 1000,
        telemetry=telemetry,
        outages=outages,
        clock=clock,
    )
    commit = Commit(
        outcomes=outcomes,
        store=store,
        models=models,
        telemetry=telemetry,
        outages=outages,
        clock=clock,
        now=lambda: datetime.now(UTC),
        objective=wanted.objective,
    )
    first, *more = infer.steps
    stages = [
        Stage("poll", poll.step, output=uploads, more=[poll.step_beside] * (wanted.receivers - 1)),
        Stage(
            "infer", first, output=outcomes, helpers=Helpers(prepare.step, helpers, output=ready), more=more
        ),
        Stage("commit", commit.step),
    ]
    return Pipeline(stages, clock)
