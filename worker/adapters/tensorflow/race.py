"""Holds a race between TensorFlow and what runs translations."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from worker.adapters.engines import Engines
from worker.errors import BatchTooLargeError, ConversionError, ModelError
from worker.inference import engine_trial
from worker.inference.engine_trial import Engine, RunnerName, Team
from worker.inference.runtimes import Graphs
from worker.inference.serving import Photos
from worker.inference.translations.job import Race, Rates

if TYPE_CHECKING:
    from worker.adapters.tensorflow.runtimes import TensorFlow

HINDRANCES = (OSError, MemoryError, BatchTooLargeError)  # no disk or memory, now: nothing about the model


def hold(race: Race, tensorflow: "TensorFlow", graphs: Graphs, paths: Sequence[Path]) -> Rates:
    """Race TensorFlow with these graphs against the others with their translations, which lie at `paths`.

    Raises HINDRANCES.
    """
    begun = time.monotonic()
    size = graphs[0].bundle.manifest.input
    photos = engine_trial.random_photos(race.photos, size.height, size.width)
    frozen = tensorflow.replicas(graphs, race.replicas, race.sizes, lambda _: None)
    models = [(graph.bundle, path) for graph, path in zip(graphs, paths, strict=True)]
    teams: dict[Engine, Team] = {"tensorflow": frozen}
    differences, refused = dict[RunnerName, float](), dict[RunnerName, str]()
    for name in race.runners:
        try:
            runner = Engines().runner(name)
            replicas = runner.replicas(models, race.replicas, race.largest_batch, race.threads, lambda: None)
            differences[name] = engine_trial.difference(frozen[0], replicas[0], photos)
            teams[name] = replicas
        except HINDRANCES:
            raise
        except (ConversionError, ModelError) as error:
            refused[name] = str(error)
    try:
        rates = _measure(teams, race, photos)
    except HINDRANCES:
        raise
    except ModelError as error:
        return Rates(refused=dict.fromkeys(race.runners, str(error)))
    seconds = round(time.monotonic() - begun, 2)
    return Rates(photos_per_s=rates, differences=differences, refused=refused, seconds=seconds)


def _measure(teams: Mapping[Engine, Team], race: Race, photos: Photos) -> dict[Engine, float]:
    """Photos per second of each team on all cores that it uses."""
    # By CPU time: other programs on this machine do not matter, and an engine that leaves a core idle leaves it to
    # the decoders.
    rates = engine_trial.race(list(teams.values()), photos, time.process_time, lambda: None)
    at_once = min(race.cores, race.replicas * race.threads)
    return {name: round(rate * at_once, 1) for name, rate in zip(teams, rates, strict=True)}
