"""The worker's own pipeline with photos and messages in memory, beside bare decoding and bare inference.

    python -m tests.bench.in_memory MODEL

Reads requests, one JSON a line ({"kind": …, "photos": N}), and answers each with one: photos/s and CPU milliseconds a photo
of the pipeline, and of its two parts alone, measured just before and just after in this process.
"""

import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.bench.memory_parts import BUCKET, ForgetfulStore, MemoryPhotos, MemoryQueue, announcements
from tests.bench.photos import SIZES, jpegs
from tests.bench.processes import LostError, peak_memory_mb
from worker import app, images, settings
from worker.leases import Leases
from worker.messages import Outcome, Outputs, Prepared, Upload
from worker.outages import Outages
from worker.pipeline import Helpers, Pipeline, Stage
from worker.queues import BoundedQueue
from worker.settings import Settings
from worker.stages.commit import Commit
from worker.stages.infer import Infer, Limits, Model
from worker.stages.poll import Poll, Rules
from worker.telemetry import Telemetry, set_up_logs
from worker.uploads import S3Uploads, back_off

BATCH = 32  # photos a call of the bare model
BARE = 0.8  # seconds of each bare measurement
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


def main() -> None:
    """Answer until nobody asks any more."""
    wanted = settings.load({**os.environ, "WORKER_MODEL": sys.argv[1]})
    with Path(os.devnull).open("w") as nowhere:
        set_up_logs("json", wanted.log_level, nowhere)  # the lines are made, as in production, and go nowhere
        worker = assembled(wanted)
        worker.pipeline.start()
        photos = {kind: jpegs(kind) for kind in SIZES}
        for line in sys.stdin:
            request = json.loads(line)
            answer = side_by_side(worker, photos[request["kind"]], request["photos"])
            print(json.dumps(answer), flush=True)


def side_by_side(worker: InMemory, photos: list[bytes], count: int) -> dict[str, float]:
    """Bare, pipeline, bare: what changes on the machine meanwhile hits both."""
    before = bare(worker.models[0], photos)
    rate, cpu = worker.run(photos, count)
    after = bare(worker.models[0], photos)
    means = {name: (before[name] + after[name]) / 2 for name in before}
    return {**means, "memory_per_s": rate, "memory_cpu_ms": cpu, "memory_peak_mb": peak_memory_mb()}


def bare(model: Model, photos: list[bytes]) -> dict[str, float]:
    """The model alone on ready arrays; decoding alone on one thread."""
    target = model.bundle.manifest.input.target

    def decoded(photo: bytes) -> npt.NDArray[np.uint8]:
        return images.prepare(photo, target, sys.maxsize)[0]

    some = [decoded(photo) for photo in photos]
    batch = np.stack([some[n % len(some)] for n in range(BATCH)])

    def infer() -> Outputs:
        return model.predict(batch)

    rate, infer_cpu = repeated(infer, BATCH)
    _, decode_cpu = repeated(lambda: [decoded(photo) for photo in photos], len(photos))
    return {"images_per_s": rate, "infer_cpu_ms": infer_cpu, "decode_cpu_ms": decode_cpu}


def repeated(call: Callable[[], object], photos: int) -> tuple[float, float]:
    """Call again and again, once before it counts: photos per second, CPU milliseconds per photo."""
    call()
    calls, begun, cpu = 0, time.monotonic(), time.process_time()
    while time.monotonic() - begun < BARE:
        call()
        calls += 1
    took, used = time.monotonic() - begun, time.process_time() - cpu
    return calls * photos / took, used * 1000 / (calls * photos)


if __name__ == "__main__":
    main()
