"""What the machine can do if it does nothing but infer, or nothing but decode; in a process of its own.

    python -m tests.bench.alone MODEL

Prints JSON: images/s of the model on ready arrays, CPU milliseconds per photo of inference and, by kind, of decoding.
"""

import json
import os
import sys
import time
from collections.abc import Callable

import numpy as np

from tests.bench.photos import SIZES, jpegs
from tests.bench.processes import peak_memory_mb
from worker import bundle, images, settings
from worker.adapters import tensorflow

BATCH = 32
SECONDS = 3.0  # of each measurement
ENOUGH = 10**8  # pixels; no limit to these photos


def main() -> None:
    """Measure the model, then decoding on one thread."""
    found = bundle.read(sys.argv[1])
    target = found.manifest.input.target
    photos = {kind: jpegs(kind) for kind in SIZES}
    tensorflow.configure(settings.load(os.environ).model_threads)
    model = tensorflow.FrozenModel(found, BATCH)
    first = next(iter(photos.values()))
    batch = np.stack([images.prepare(first[n % len(first)], target, ENOUGH)[0] for n in range(BATCH)])
    rate, infer_cpu = repeated(lambda: model.predict(batch), BATCH)
    measured = {
        "images_per_s": rate,
        "infer_cpu_ms": infer_cpu,
        "model_alone_peak_memory_mb": peak_memory_mb(),
    }
    decode = {kind: decoding_cpu(some, target) for kind, some in photos.items()}
    print(json.dumps({**measured, "decode_cpu_ms": decode}))


def decoding_cpu(photos: list[bytes], target: images.Target) -> float:
    """CPU milliseconds per photo on one thread."""
    return repeated(lambda: [images.prepare(photo, target, ENOUGH) for photo in photos], len(photos))[1]


def repeated(call: Callable[[], object], photos: int) -> tuple[float, float]:
    """Call again and again, once before it counts: photos per second, CPU milliseconds per photo."""
    call()
    calls, begun, cpu = 0, time.monotonic(), time.process_time()
    while time.monotonic() - begun < SECONDS:
        call()
        calls += 1
    took, used = time.monotonic() - begun, time.process_time() - cpu
    return calls * photos / took, used * 1000 / (calls * photos)


if __name__ == "__main__":
    main()
