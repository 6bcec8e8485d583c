"""The worker's own pipeline, joined to a queue, storage and a store that lie in memory."""

import time
from dataclasses import dataclass

from bench.processes import LostError, busy_seconds, cpu_by_thread
from bench.throughput.memory_parts import CountingStore, MemoryPhotos, MemoryQueue, announcement
from worker.adapters.tensorflow.runtimes import LiteRT, TensorFlow
from worker.assembly import Assembly
from worker.capacity import cores
from worker.connections import Connections, s3_uploads
from worker.inference import bundle
from worker.inference.model_loader import ModelLoader, Replicas, seconds_by_size
from worker.intake.s3_uploads import S3Uploads
from worker.pipeline.service_times import ServiceTimes
from worker.pipeline.threads import Pipeline
from worker.settings import Settings
from worker.telemetry.counters import Telemetry

LEASE = 60  # seconds
TICK = 0.25  # seconds between two looks at leases, as in the worker
STAGES = ("poll", "infer-helper", "infer", "commit")
SILENCE = 60.0  # seconds without the last delete, one a photo added, after which photos are lost


@dataclass(frozen=True, slots=True)
class InMemory:
    """A worker whose queue, storage and store take no time."""

    pipeline: Pipeline
    uploads: S3Uploads
    queue: MemoryQueue
    photos: MemoryPhotos
    store: CountingStore
    replicas: Replicas

    def run(self, photos: list[bytes], count: int) -> dict[str, float]:
        """Score `count` photos, from the send to the last result: photos/s, CPU milliseconds, share of cores taken.

        `memory_infer_cpu_ms` and the like are the CPU milliseconds of one stage's threads.
        """
        self.photos.hold(photos)
        bodies, scored = [announcement(number) for number in range(count)], self.store.statuses["scored"]
        begun, cpu, busy, stages = time.monotonic(), time.process_time(), busy_seconds(), cpu_by_thread()
        self.queue.send(bodies)
        while not self.queue.all_deleted(TICK):
            self.uploads.extend_due()
            if self.pipeline.error or time.monotonic() - begun > SILENCE + count:
                raise LostError(f"{self.queue.open} of {count} photos are lost: {self.pipeline.error}")
        took, used = time.monotonic() - begun, time.process_time() - cpu
        taken = max(0.0, busy_seconds() - busy - used) / (took * cores())
        took = self.store.last - begun  # as on LocalStack; the deletes follow
        stages = cpu_by_thread() - stages
        if self.store.statuses["scored"] - scored != count:
            raise LostError(f"not all of {count} photos have a score: {dict(self.store.statuses)}")
        return {
            "memory_per_s": count / took,
            "memory_cpu_ms": used * 1000 / count,
            "memory_cores_taken": taken,
            **{f"memory_{stage}_cpu_ms": stages[stage] * 1000 / count for stage in STAGES},
        }


def assembled(wanted: Settings) -> InMemory:
    """Join the worker's own stages to ends in memory."""
    telemetry, clock = Telemetry(), time.monotonic
    queue, photos, store = MemoryQueue(), MemoryPhotos(), CountingStore()
    bundles = [bundle.read(location) for location in wanted.model]
    replicas = ModelLoader(wanted, telemetry, TensorFlow(), LiteRT(), cores=cores()).load(bundles)
    source = s3_uploads(wanted, Connections(queue, LEASE, photos, store), telemetry, clock)
    times = ServiceTimes(seconds_by_size(replicas[0]))
    assembly = Assembly(
        wanted, source, store, replicas, service_times=times, telemetry=telemetry, clock=clock
    )
    return InMemory(assembly.pipeline(), source, queue, photos, store, replicas)
