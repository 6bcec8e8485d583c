"""The worker's own stages around a simulated device, with ends in memory that never run dry."""

import time
from collections.abc import Sequence

from bench.throughput.memory_parts import CountingStore, EndlessQueue, MemoryPhotos
from worker import settings
from worker.assembly import Assembly
from worker.connections import Connections, s3_uploads
from worker.inference.serving import Replica
from worker.pipeline.service_times import ServiceTimes
from worker.pipeline.threads import Pipeline
from worker.telemetry.counters import Telemetry

LEASE = 60  # seconds; nobody else takes the messages


def compose(
    wanted: settings.Settings,
    replicas: Sequence[Replica],
    service_times: ServiceTimes,
    photos: list[bytes],
    store: CountingStore,
) -> Pipeline:
    """Build a pipeline that nothing but `cancel` ends."""
    stored = MemoryPhotos()
    stored.hold(photos)
    connections, telemetry, clock = (
        Connections(EndlessQueue(), LEASE, stored, store),
        Telemetry(),
        time.monotonic,
    )
    source = s3_uploads(wanted, connections, telemetry, clock)
    return Assembly(
        wanted, source, store, replicas, service_times=service_times, telemetry=telemetry, clock=clock
    ).pipeline()
