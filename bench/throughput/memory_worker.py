"""The worker's own pipeline with a queue, storage and a store in memory."""

import time
from dataclasses import dataclass

from bench.memory.queues import MemoryQueue, announcement
from bench.memory.stages import assemble
from bench.memory.stores import CountingStore, MemoryPhotos
from bench.processes import LostError, busy_seconds, cpu_by_thread, worker_cpu_seconds
from worker.adapters.engines import Engines
from worker.inference import bundle
from worker.inference.model_loader import ModelLoader
from worker.inference.runtimes import Replicas
from worker.inference.warm_up import seconds_by_size
from worker.intake.s3_uploads import S3Uploads
from worker.pipeline.service_times import ServiceTimes
from worker.pipeline.threads import Pipeline
from worker.settings import Settings
from worker.settings.capacity import make_decoder
from worker.settings.cores import cores
from worker.telemetry.counters import Telemetry

TICK = 0.25  # seconds between two checks of the leases, as in the worker
STAGES = ("poll", "infer-helper", "decoder", "infer", "commit")
SILENCE = 60.0  # seconds, plus one a photo, without the last delete, after which photos count as lost


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
        """Score `count` photos; the time runs from the send to the last result.

        Returns photos/s, CPU milliseconds a photo (of each stage's threads, too), and the share of
        the cores that other programs took.
        """
        self.photos.hold(photos)
        bodies, scored = [announcement(number) for number in range(count)], self.store.statuses["scored"]
        begun, cpu, busy, stages = time.monotonic(), worker_cpu_seconds(), busy_seconds(), cpu_by_thread()
        self.queue.send(bodies)
        while not self.queue.wait_until_empty(TICK):
            self.uploads.extend_due()
            if self.pipeline.error or time.monotonic() - begun > SILENCE + count:
                raise LostError(f"{self.queue.open} of {count} photos are lost: {self.pipeline.error}")
        took, used = time.monotonic() - begun, worker_cpu_seconds() - cpu
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


def load_worker(settings: Settings) -> InMemory:
    """Load the models, and put the worker's own stages around them."""
    queue, photos, store = MemoryQueue(), MemoryPhotos(), CountingStore()
    bundles = [bundle.read(location) for location in settings.model]
    replicas = ModelLoader(settings, Telemetry(), Engines(), cores=cores()).load(bundles)
    times = ServiceTimes(seconds_by_size(replicas[0]))
    decoder = make_decoder(settings, bundles[0].manifest.input.target, Telemetry())
    decoder.start()
    assembly, source = assemble(
        settings, queue, photos, store, decoder, replicas=replicas, service_times=times
    )
    return InMemory(assembly.pipeline(), source, queue, photos, store, replicas)
