"""What the machine can do if it does nothing but infer, or nothing but decode; in a process of its own.

    python -m tests.bench.alone MODEL KIND

Prints JSON: images/s of the model on ready arrays, CPU milliseconds per photo of decoding and of inference.
"""

import json
import sys
import time
from collections.abc import Callable

import numpy as np

from tests.bench.photos import jpegs
from worker import bundle, images
from worker.adapters import tensorflow

BATCH = 32
SECONDS = 3.0  # of each measurement


def main() -> None:
    """Measure both, one after the other."""
    found = bundle.read(sys.argv[1])
    target = found.manifest.input.target
    photos = jpegs(sys.argv[2])
    tensorflow.configure(0)
    model = tensorflow.FrozenModel(found, BATCH)
    batch = np.stack([images.prepare(photos[n % len(photos)], target, 10**8)[0] for n in range(BATCH)])
    model.predict(batch)
    rate, infer_cpu = _repeat(lambda: model.predict(batch), BATCH)
    _, decode_cpu = _repeat(lambda: [images.prepare(photo, target, 10**8) for photo in photos], len(photos))
    json.dump({"images_per_s": rate, "infer_cpu_ms": infer_cpu, "decode_cpu_ms": decode_cpu}, sys.stdout)


def _repeat(call: Callable[[], object], photos: int) -> tuple[float, float]:
    """Call again and again: photos per second, CPU milliseconds per photo."""
    call()
    calls, begun, cpu = 0, time.monotonic(), time.process_time()
    while time.monotonic() - begun < SECONDS:
        call()
        calls += 1
    took, used = time.monotonic() - begun, time.process_time() - cpu
    return calls * photos / took, used * 1000 / (calls * photos)


if __name__ == "__main__":
    main()
