"""How many images a second the model alone takes, by the size of its batches; in a process of its own.

    python -m tests.bench.batch_sizes MODEL

Prints JSON: batch size → images/s, each the median of ROUNDS rounds in which the sizes take turns.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from worker import bundle, settings
from worker.adapters import tensorflow

SIZES = (1, 2, 4, 8, 16, 32)
ROUNDS, SECONDS = 3, 0.5  # of each size in a round


def main() -> None:
    """Measure the model at MODEL."""
    found = bundle.read(sys.argv[1])
    tensorflow.configure(settings.load(os.environ).model_threads)
    model = tensorflow.FrozenModel(found, max(SIZES))
    model.warm_up()
    print(json.dumps(by_size(model.predict, found.manifest.input.height, found.manifest.input.width)))


def by_size(predict: Callable[[Any], object], height: int, width: int) -> dict[int, float]:
    """Images per second for each of SIZES."""
    draw = np.random.default_rng(1)
    batches = {size: draw.integers(0, 256, (size, height, width, 3), np.uint8) for size in SIZES}
    rates: dict[int, list[float]] = {size: [] for size in SIZES}
    for _ in range(ROUNDS):
        for size, batch in batches.items():
            begun, calls = time.monotonic(), 0
            while time.monotonic() - begun < SECONDS:
                predict(batch)
                calls += 1
            rates[size].append(calls * size / (time.monotonic() - begun))
    return {size: statistics.median(of_size) for size, of_size in rates.items()}


if __name__ == "__main__":
    main()
