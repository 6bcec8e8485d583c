"""The worker's own stages, on a queue, storage and a store in memory."""

import time
from collections.abc import Sequence

from bench.memory.queues import EndlessQueue, MemoryQueue
from bench.memory.stores import CountingStore, MemoryPhotos
from worker.assembly import Assembly
from worker.connections import Connections, s3_uploads
from worker.decoders.decoder import PhotoDecoder
from worker.inference.serving import Replica
from worker.intake.s3_uploads import S3Uploads
from worker.pipeline.service_times import ServiceTimes
from worker.settings import Settings
from worker.telemetry.counters import Telemetry

LEASE = 60  # seconds


def assemble(
    settings: Settings,
    queue: EndlessQueue | MemoryQueue,
    photos: MemoryPhotos,
    store: CountingStore,
    decoder: PhotoDecoder,
    *,
    replicas: Sequence[Replica],
    service_times: ServiceTimes,
    telemetry: Telemetry | None = None,
) -> tuple[Assembly, S3Uploads]:
    """Assemble stages, whose pipeline only `cancel` ends, and their source."""
    telemetry, clock = telemetry or Telemetry(), time.monotonic
    source = s3_uploads(settings, Connections(queue, LEASE, photos, store), telemetry, clock)
    assembly = Assembly(
        settings,
        source,
        store,
        decoder,
        replicas,
        service_times=service_times,
        telemetry=telemetry,
        clock=clock,
    )
    return assembly, source
