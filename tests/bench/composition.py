"""The worker's stages joined as worker/app.py joins them, with ends in memory. When app changes, this does."""

import re
import threading
import time
from datetime import UTC, datetime

from tests.bench.device import SimulatedDevice
from tests.bench.endless import CountingStore, EndlessQueue, MemoryPhotos
from tests.bench.rig import CORES
from worker import settings
from worker.leases import Leases
from worker.messages import Outcome, Prepared, Upload
from worker.outages import Outages
from worker.pipeline import Helpers, Pipeline, Stage
from worker.queues import BoundedQueue
from worker.stages.commit import Commit
from worker.stages.infer import Infer, Limits
from worker.stages.poll import Poll, Rules
from worker.telemetry import Telemetry
from worker.uploads import S3Uploads, back_off

DOWNLOADS = 6  # helpers beyond one a core, as worker/app.py has them
LEASE = 60.0  # seconds; nobody else takes the messages


def compose(
    wanted: settings.Settings, device: SimulatedDevice, photos: list[bytes], store: CountingStore
) -> Pipeline:
    """Build a pipeline that nothing but `cancel` ends."""
    telemetry, stopping, clock = Telemetry(), threading.Event(), time.monotonic
    outages = Outages(clock, lambda: 0.5)
    models = {device.bundle.name: device.bundle.version}
    uploads: BoundedQueue[Upload | Outcome] = BoundedQueue(wanted.upload_queue)
    ready: BoundedQueue[Prepared] = BoundedQueue(wanted.batch_size)
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
    infer = Infer(
        uploads=uploads,
        ready=ready,
        outcomes=outcomes,
        models=[device],
        limits=Limits(wanted.max_bytes, wanted.max_pixels, decoders=CORES),
        batch_wait=wanted.batch_wait / 1000,
        telemetry=telemetry,
        outages=outages,
        stopping=stopping,
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
    )
    helpers = Helpers(infer.help, wanted.helpers or CORES + DOWNLOADS, output=ready)
    stages = [
        Stage("poll", poll.step, output=uploads),
        Stage("infer", infer.step, output=outcomes, helpers=helpers),
        Stage("commit", commit.step),
    ]
    return Pipeline(stages, clock)
