"""The worker's own stages around a simulated accelerator, in a process of its own.

    python -m bench.accelerator.feeding KIND REPLICAS

Photos and messages are in memory. KIND is `ready` (photos that are arrays already), `cheap` (as many bytes
as a small photo, but next to nothing to decode: as if there were more cores for it) or a kind of JPEG.
REPLICAS is the number of threads that take turns at the one device. Prints JSON: photos a second, their
CPU time, and what the limit is.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.accelerator.device import SimulatedDevice, service_time
from bench.hostile.photos import tiny
from bench.memory.queues import BUCKET, EndlessQueue
from bench.memory.stages import assemble
from bench.memory.stores import CountingStore, MemoryPhotos
from bench.photos import jpegs
from bench.processes import BenchError, busy_seconds, cpu_by_thread, worker_cpu_seconds
from bench.rig import CORES, MODEL
from worker import settings
from worker.decoders.decoder import Decoded, PhotoDecoder
from worker.inference import bundle
from worker.messages import Pixels
from worker.photos.decoding import Target
from worker.photos.hashes import Algorithm
from worker.photos.looks import Look
from worker.pipeline.service_times import ServiceTimes
from worker.settings.capacity import make_decoder
from worker.telemetry.counters import Telemetry
from worker.telemetry.log import set_up_logs

READY, CHEAP = "ready", "cheap"
READY_HASH = "none:0"  # the hash of photos that are arrays already
WARM_UP, SECONDS = 1.0, 5.0
STOP = 10.0  # seconds for the threads to end
FULL = 0.9  # share of the time from which the device, or the cores, count as the limit
NOTHING = {
    "WORKER_QUEUE_URL": "http://none/none",
    "WORKER_REDIS_URL": "redis://none",
    "WORKER_BUCKETS": BUCKET,
}


def main() -> None:
    """Feed the device, and print how fast that was."""
    kind, replicas = sys.argv[1], int(sys.argv[2])
    with Path(os.devnull).open("w") as nowhere:
        set_up_logs("json", "info", nowhere)  # lines are made as in production, and thrown away
        print(json.dumps(feed(kind, replicas)))


def feed(kind: str, replicas: int) -> dict[str, Any]:
    """Run for SECONDS after WARM_UP: photos/s, CPU time by thread, shares. Raises BenchError."""
    used = settings.load({"WORKER_MODEL": str(MODEL), **NOTHING})
    device, store = SimulatedDevice(bundle.read(str(MODEL)), used.batch_size), CountingStore()
    photos = photos_of(kind)
    target = device.bundle.manifest.input.target
    decoder: PhotoDecoder
    if kind == READY:
        decoder = ReadyArrays(target)
    else:
        decoder = make_decoder(used, target, Telemetry())
        decoder.start()
    turns = [(device,)] * replicas
    queue, stored = EndlessQueue(), MemoryPhotos(photos)
    assembly, _ = assemble(
        used,
        queue,
        stored,
        store,
        decoder,
        replicas=turns,
        service_times=ServiceTimes(device.seconds_by_size),
    )
    pipeline = assembly.pipeline()
    pipeline.start()
    time.sleep(WARM_UP)
    before, begun = Reading(device, store), time.monotonic()
    time.sleep(SECONDS)
    after, took = Reading(device, store), time.monotonic() - begun
    pipeline.cancel()
    pipeline.join(time.monotonic() + STOP)
    if pipeline.error or store.statuses["failed"] or (kind == READY) != (store.hashes == {READY_HASH}):
        raise BenchError(
            f"the stages did not run as expected: {pipeline.error!r}, hashes {len(store.hashes)}"
        )
    return figures(before, after, took, used.batch_size)


def photos_of(kind: str) -> list[bytes]:
    """Make the photos of a kind."""
    if kind == READY:
        return [b"-"]
    if kind == CHEAP:  # bytes after the end of a JPEG change no pixel
        return [tiny("JPEG").ljust(len(photo), b"\0") for photo in jpegs("small")]
    return jpegs(kind)


class Reading:
    """All counters at one moment."""

    def __init__(self, device: SimulatedDevice, store: CountingStore) -> None:
        self.cpu, self.all_busy = worker_cpu_seconds(), busy_seconds()
        self.written, self.busy, self.calls = store.written, device.busy, device.calls
        self.threads = cpu_by_thread()


def figures(before: Reading, after: Reading, took: float, largest: int) -> dict[str, Any]:
    """Compute rates and shares between two readings, `took` seconds apart."""
    photos, cpu = after.written - before.written, after.cpu - before.cpu
    threads = after.threads - before.threads
    decoders = threads.pop("decoder", 0.0)
    measured = {
        "photos_per_s": photos / took,
        "device_per_s": largest / service_time(largest),
        "cpu_ms": 1000 * cpu / photos,
        "decode_cpu_ms": 1000 * decoders / photos,
        "main_cpu_ms": 1000 * (cpu - decoders) / photos,
        "per_core_per_s": photos / cpu,
        "mean_batch": photos / (after.calls - before.calls),
        "device_busy": (after.busy - before.busy) / took,
        "cores_busy": cpu / (took * CORES),
        "cores_taken": max(0.0, after.all_busy - before.all_busy - cpu) / (took * CORES),
        "threads_cpu_ms": {name: 1000 * seconds / photos for name, seconds in threads.most_common()},
    }
    return {**measured, "limit": limit(measured, largest)}


def limit(measured: Mapping[str, Any], largest: int) -> str:
    """Name what the rest waits for."""
    if measured["device_busy"] >= FULL:
        return "device"
    if measured["cores_busy"] >= FULL:
        return "cores"
    if measured["cores_busy"] + measured["cores_taken"] >= FULL:
        return "others"
    # Beside an idle device, full batches mean that photos wait for the model's thread.
    return "model thread" if measured["mean_batch"] >= FULL * largest else "helpers"


class ReadyArrays:
    """Gives an array that is ready for whatever photo."""

    algorithm = Algorithm("none", 0, 0, 0, lambda *_: None)
    max_bytes = sys.maxsize

    def __init__(self, target: Target) -> None:
        array: Pixels = np.zeros((target.height, target.width, 3), np.uint8)
        self._decoded = Decoded(array, Look(READY_HASH), 0.0)

    def decode(self, *_: object) -> Decoded:
        """Return the array."""
        return self._decoded


if __name__ == "__main__":
    main()
