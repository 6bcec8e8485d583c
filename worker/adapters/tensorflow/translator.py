"""The process that has TensorFlow, so that a worker on LiteRT needs none: freezes, translates, races.

    python -m worker.adapters.tensorflow.translator PARENT

It reads a job as JSON from stdin, and writes the answer to stdout. What it makes are entries in the
folders that the job names. It ends when its parent does.
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from worker.adapters.engines import Engines
from worker.adapters.litert.interpreted_model import InterpretedModel
from worker.adapters.tensorflow import installation
from worker.decoders.confinement import end_with, hide_process, offer_to_die_first
from worker.errors import BatchTooLargeError, ConfigurationError, ConversionError, ModelError
from worker.inference import bundle, engine_trial
from worker.inference.engine_trial import Engine, RunnerName, Team
from worker.inference.runtimes import FrozenGraph, Graphs
from worker.inference.translations import entries
from worker.inference.translations.job import Answer, Job, ModelJob, Race, Rates
from worker.inference.translations.translation import ANSWERS, GRAPH, MODEL, photos_for

if TYPE_CHECKING:
    from worker.adapters.tensorflow.runtimes import TensorFlow

NICE = 10  # beside a worker that serves
HINDRANCES = (OSError, MemoryError, BatchTooLargeError)  # no disk or memory, now: nothing about the model


def main() -> None:
    """Do one job."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    end_with(parent=int(sys.argv[1]))
    offer_to_die_first()
    hide_process()  # a decoder that a photo has taken over must not change what is made here
    with os.fdopen(os.dup(1), "w") as answer:
        os.dup2(2, 1)  # TensorFlow may print
        job = Job.model_validate_json(sys.stdin.read())
        if job.beside:
            os.nice(NICE)
        answer.write(work(job).model_dump_json())
    os._exit(0)  # TensorFlow's own exit takes time, and all is written


def work(job: Job) -> Answer:
    """Do a job in this process."""
    from worker.adapters.tensorflow.runtimes import TensorFlow  # noqa: PLC0415 - takes seconds

    tensorflow = TensorFlow()
    if job.race:
        tensorflow.configure(job.race.threads, job.race.replicas, "float32")
    try:
        graphs = [_freeze(tensorflow, one) for one in job.models]
        paths = [_translate(graph, one) for graph, one in zip(graphs, job.models, strict=True)]
        if job.race is None or None in paths:
            return Answer()
        return Answer(rates=_race(tensorflow, graphs, [path for path in paths if path], job.race))
    except HINDRANCES as error:
        return Answer(hindered=str(error))
    except (ConversionError, ModelError) as error:
        return Answer(reason=str(error))
    except ConfigurationError as error:
        return Answer(error=str(error))


def _freeze(tensorflow: "TensorFlow", job: ModelJob) -> FrozenGraph:
    """Load the frozen graph, or freeze the model and write the graph down."""
    found = bundle.read(str(job.bundle))
    if job.graph and (entry := entries.read(job.graph)):
        return tensorflow.load(found, entry.file(GRAPH), entry.about)
    graph = tensorflow.freeze(found)
    if job.freeze_into:
        try:
            job.freeze_into.mkdir(parents=True)
            names = tensorflow.save(graph, job.freeze_into / GRAPH)
            entries.seal(job.freeze_into, {"key": job.key, **names})
        except OSError:  # nobody needs it now
            shutil.rmtree(job.freeze_into, ignore_errors=True)
    return graph


def _translate(graph: FrozenGraph, job: ModelJob) -> Path | None:
    """Translate a graph, unless that was done before; None if it is impossible, as the entry says."""
    if job.translation or job.translate_into is None:
        return job.translation
    folder = job.translate_into
    folder.mkdir(parents=True)
    about = {
        "key": job.key,
        "model": f"{graph.bundle.name} {graph.bundle.version}",
        "tensorflow": installation.version(),
        "litert": Engines().runners["litert"],
    }
    try:
        difference = _write(graph, folder)
    except HINDRANCES:
        raise
    except (ConversionError, ModelError) as error:
        (folder / MODEL).unlink(missing_ok=True)
        entries.seal(folder, {**about, "reason": str(error)})
        return None
    entries.seal(folder, {**about, "difference": float(f"{difference:.2g}")})
    return folder / MODEL


def _write(graph: FrozenGraph, folder: Path) -> float:
    """Write a translation and TensorFlow's answers. How far LiteRT's differ. Raises ConversionError, ModelError."""
    from worker.adapters.tensorflow.conversion import convert  # noqa: PLC0415 - as in `work`
    from worker.adapters.tensorflow.frozen_model import FrozenModel  # noqa: PLC0415 - as in `work`

    (folder / MODEL).write_bytes(convert(graph))
    photos = photos_for(graph.bundle)
    frozen = FrozenModel(graph, [len(photos)])
    interpreted = InterpretedModel(graph.bundle, folder / MODEL, len(photos), threads=1)
    answers = frozen.predict(photos)
    np.savez(folder / ANSWERS, **answers)  # type: ignore[arg-type] # roles, not numpy's own arguments
    return engine_trial.difference([frozen], [interpreted], photos)


def _race(tensorflow: "TensorFlow", graphs: Graphs, paths: Sequence[Path], race: Race) -> Rates:
    begun = time.monotonic()
    frozen = tensorflow.replicas(graphs, race.replicas, race.sizes, lambda _: None)
    models = [(graph.bundle, path) for graph, path in zip(graphs, paths, strict=True)]
    size = graphs[0].bundle.manifest.input
    photos = engine_trial.random_photos(race.photos, size.height, size.width)
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
    # By CPU time: other programs on this machine do not matter, and an engine that leaves a core idle leaves it to
    # the decoders.
    rates = engine_trial.race(list(teams.values()), photos, time.process_time, lambda: None)
    at_once = min(race.cores, race.replicas * race.threads)
    return Rates(
        photos_per_s={name: round(rate * at_once, 1) for name, rate in zip(teams, rates, strict=True)},
        differences=differences,
        refused=refused,
        seconds=round(time.monotonic() - begun, 2),
    )


if __name__ == "__main__":
    main()
