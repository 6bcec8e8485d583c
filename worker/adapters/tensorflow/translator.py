"""The process that has TensorFlow, so that a worker on LiteRT needs none: freezes, translates, races.

    python -m worker.adapters.tensorflow.translator PARENT

It reads a job as JSON from stdin, and writes the answer to stdout. What it makes are entries in the
folders that the job names. It ends when its parent does.
"""

import os
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from worker.adapters.engines import Engines
from worker.adapters.litert.interpreted_model import InterpretedModel
from worker.adapters.tensorflow import installation
from worker.adapters.tensorflow.race import HINDRANCES, hold
from worker.decoders.confinement import end_with, hide_process, offer_to_die_first
from worker.errors import ConfigurationError, ConversionError, ModelError
from worker.inference import bundle, engine_trial
from worker.inference.runtimes import FrozenGraph
from worker.inference.translations import entries
from worker.inference.translations.entries import DamagedError
from worker.inference.translations.job import Answer, Job, ModelJob
from worker.inference.translations.translation import ANSWERS, GRAPH, MODEL, photos_for

if TYPE_CHECKING:
    from worker.adapters.tensorflow.runtimes import TensorFlow

NICE = 10  # beside a worker that serves


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
        return Answer(rates=hold(job.race, tensorflow, graphs, [path for path in paths if path]))
    except HINDRANCES as error:
        return Answer(hindered=str(error))
    except ConfigurationError as error:
        return Answer(error=str(error))


def _freeze(tensorflow: "TensorFlow", job: ModelJob) -> FrozenGraph:
    """Load the frozen graph, or freeze the model and write the graph down."""
    found = bundle.read(str(job.bundle))
    with suppress(DamagedError, ConfigurationError):  # then it is frozen again
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
        "again": job.again,
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


if __name__ == "__main__":
    main()
