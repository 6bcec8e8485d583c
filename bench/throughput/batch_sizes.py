"""Images per second of the model alone, by batch size and engine; runs in a process of its own.

    python -m bench.throughput.batch_sizes MODEL

Prints JSON: engine → batch size → images/s with all replicas at work, of the engines that are
installed. They take turns; the rates are medians.
"""

import json
import os
import sys
import time

from worker import settings
from worker.adapters.engines import Engines
from worker.errors import ConfigurationError, ConversionError
from worker.inference import bundle, engine_trial
from worker.inference.model_loader import ModelLoader
from worker.inference.runtimes import Replicas
from worker.settings.cores import cores
from worker.telemetry.counters import Telemetry
from worker.telemetry.log import set_up_logs

SIZES = (1, 2, 4, 8, 16, 32)
ENGINES = ("tensorflow", "litert", "openvino")


def main() -> None:
    """Measure MODEL on every engine that can run it."""
    set_up_logs("json", "warning")
    found = bundle.read(sys.argv[1])
    base, teams = settings.load(os.environ), dict[str, Replicas]()
    for engine in ENGINES:
        try:
            one = base.model_copy(update={"engine": engine})
            loader = ModelLoader(one, Telemetry(), Engines(), cores=cores())
            teams[engine] = loader.load([found])
        except (ConfigurationError, ConversionError) as error:
            print(error, file=sys.stderr)
    print(json.dumps(by_size(teams, found.manifest.input.height, found.manifest.input.width)))


def by_size(teams: dict[str, Replicas], height: int, width: int) -> dict[str, dict[int, float]]:
    """Images per second of each engine's replicas for each of SIZES."""
    rates: dict[str, dict[int, float]] = {engine: {} for engine in teams}
    for size in SIZES:
        photos = engine_trial.random_photos(size, height, width)
        raced = engine_trial.race(list(teams.values()), photos, time.monotonic, lambda: None)
        for engine, rate in zip(teams, raced, strict=True):
            rates[engine][size] = rate
    return rates


if __name__ == "__main__":
    main()
