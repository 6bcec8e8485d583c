"""The worker's pipeline with photos and messages in memory, beside decoding and inference alone.

    python -m bench.throughput.in_memory MODEL

Reads requests, one line of JSON each ({"kind": …, "photos": N}), and answers with a line of JSON:
photos/s and CPU milliseconds a photo of the pipeline, and of decoding and inference alone, measured
just before and just after in this process. With "alone", only the pipeline runs, and the answer is
its resident memory; with "parts", only decoding and inference are measured.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.photos import SIZES, jpegs
from bench.processes import memory_mb, peak_memory_mb
from bench.throughput.memory_worker import InMemory, load_worker
from worker import settings
from worker.inference.model_loader import Replicas
from worker.photos import decoding
from worker.settings.capacity import cores
from worker.telemetry.log import set_up_logs

BATCH = 32  # photos a call of the model alone
BARE = 0.8  # seconds of each measurement alone


def main() -> None:
    """Answer until the input ends."""
    used = settings.load({**os.environ, "WORKER_MODEL": sys.argv[1]})
    with Path(os.devnull).open("w") as nowhere:
        set_up_logs("json", used.log_level, nowhere)  # lines are made as in production, and thrown away
        worker = load_worker(used)
        worker.pipeline.start()
        photos = {kind: jpegs(kind) for kind in SIZES}
        for line in sys.stdin:
            request = json.loads(line)
            some = photos[request["kind"]]
            if request.get("parts"):
                answer = measure_parts(worker.replicas, some)
            elif request.get("alone"):
                worker.run(some, request["photos"])
                answer = {"memory_mb": memory_mb()}
            else:
                answer = side_by_side(worker, some, request["photos"])
            print(json.dumps(answer), flush=True)


def side_by_side(worker: InMemory, photos: list[bytes], count: int) -> dict[str, float]:
    """Measure the parts before and after the pipeline, so that changes on the machine affect both."""
    before = measure_parts(worker.replicas, photos)
    seen = worker.run(photos, count)
    after = measure_parts(worker.replicas, photos)
    means = {name: (before[name] + after[name]) / 2 for name in before}
    return {**means, **seen, "memory_peak_mb": peak_memory_mb()}


def measure_parts(replicas: Replicas, photos: list[bytes]) -> dict[str, float]:
    """Measure the model alone, with all replicas, and decoding alone, with a thread on each core."""
    target = replicas[0][0].bundle.manifest.input.target

    def decode(photo: bytes) -> npt.NDArray[np.uint8]:
        return decoding.prepare(photo, target, sys.maxsize)[0]

    some = [decode(photo) for photo in photos]
    batch = np.stack([some[n % len(some)] for n in range(BATCH)])
    calls = [partial(replica[0].predict, batch) for replica in replicas]
    rate, infer_cpu = repeat(calls, BATCH)
    _, decode_cpu = repeat([lambda: [decode(photo) for photo in photos]] * cores(), len(photos))
    return {"images_per_s": rate, "infer_cpu_ms": infer_cpu, "decode_cpu_ms": decode_cpu}


def repeat(calls: Sequence[Callable[[], object]], photos: int) -> tuple[float, float]:
    """Repeat each call in a thread of its own: photos per second, CPU milliseconds a photo."""

    def again(call: Callable[[], object]) -> int:
        done = 0
        while time.monotonic() - begun < BARE:
            call()
            done += 1
        return done

    with ThreadPoolExecutor(len(calls)) as threads:
        list(threads.map(lambda call: call(), calls))
        begun, cpu = time.monotonic(), time.process_time()
        done = sum(threads.map(again, calls))
        took, used = time.monotonic() - begun, time.process_time() - cpu
    return done * photos / took, used * 1000 / (done * photos)


if __name__ == "__main__":
    main()
