"""Loads bundles as warm replicas: chooses the engine, and how many replicas run on which devices.

A replica is all models of WORKER_MODEL on one device, for one thread. Replicas run in parallel and
take their batches from one queue. On a CPU, LiteRT replaces TensorFlow where it is measurably
faster and gives the same answers.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, InitVar, dataclass
from functools import partial

from worker.errors import ConversionError, ModelError
from worker.inference import engine_trial
from worker.inference.bundle import Bundle, check_compatible
from worker.inference.free_memory import trim_memory
from worker.inference.runtimes import Checkpoint, Engine, Graphs, LiteRT, LoadedReplica, TensorFlow
from worker.inference.serving import Photos
from worker.settings import Settings
from worker.telemetry.counters import Telemetry

Replicas = Sequence[LoadedReplica]


@dataclass(eq=False)
class ModelLoader:
    """Loads the models at start, and newer versions later, on the engine that serves by then."""

    settings: Settings
    telemetry: Telemetry
    tensorflow: TensorFlow
    litert: LiteRT
    _: KW_ONLY
    cores: InitVar[int]
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self, cores: int) -> None:
        gpus = 0 if self.settings.engine == "litert" else len(self.tensorflow.gpus)
        self._count = self.settings.replicas or gpus or cores
        self._threads = self.settings.model_threads or max(1, cores // self._count)  # of one call
        self._sizes = self.settings.pad_to or range(1, self.settings.batch_size + 1)  # of batches
        self._engine: Engine = "tensorflow"  # of the replicas that were loaded last

    def load(self, bundles: Sequence[Bundle], checkpoint: Checkpoint = lambda: None) -> Replicas:
        """Choose the engine, load the models and warm them up; `checkpoint` is called meanwhile.

        Raises ConfigurationError when a bundle does not match the others, its model or
        WORKER_ENGINE.
        """
        check_compatible(bundles)
        self.tensorflow.configure(self._threads, self._count, self.settings.precision)
        devices = list(self.tensorflow.devices)
        self.telemetry.event("warming_up", batch_sizes=self.settings.batch_size, devices=devices)
        replicas = self._choose(self._freeze(bundles, checkpoint), checkpoint)
        trim_memory()  # frees what loading took, and the engine that was not chosen
        return self._warm_up(replicas, checkpoint)

    def load_next(self, bundles: Sequence[Bundle], checkpoint: Checkpoint) -> Replicas:
        """Load other versions while the last ones serve: as many replicas, on the same engine.

        There is no race under load. LiteRT stays if it gives the same answers as TensorFlow for
        these versions too. Raises ConfigurationError as `load` does.
        """
        check_compatible(bundles)
        graphs = self._freeze(bundles, checkpoint)
        stay = self._engine == "litert"
        replicas = self._stay_on_litert(graphs, checkpoint) if stay else self._on_tensorflow(graphs)
        return self._warm_up(replicas, checkpoint)

    def _freeze(self, bundles: Sequence[Bundle], checkpoint: Checkpoint) -> Graphs:
        graphs = []
        for bundle in bundles:
            checkpoint()
            graphs.append(self.tensorflow.freeze(bundle))
        trim_memory()  # so that the next steps do not add to the peak of loading
        return graphs

    def _on_tensorflow(self, graphs: Graphs) -> Replicas:
        count_padding = partial(self.telemetry.count, "padded_rows")
        return self.tensorflow.replicas(graphs, self._count, self._sizes, count_padding)

    def _on_litert(self, graphs: Graphs, checkpoint: Checkpoint) -> Replicas:
        size, threads = self.settings.batch_size, self._threads
        return self.litert.replicas(graphs, self._count, size, threads, checkpoint)

    def _choose(self, graphs: Graphs, checkpoint: Checkpoint) -> Replicas:
        engine = self.settings.engine
        if engine == "auto" and not self.tensorflow.gpus:
            return self._race(graphs, checkpoint)
        litert = engine == "litert"
        replicas = self._on_litert(graphs, checkpoint) if litert else self._on_tensorflow(graphs)
        return self._report(replicas, replicas=self._count, threads=self._threads)

    def _race(self, graphs: Graphs, checkpoint: Checkpoint) -> Replicas:
        """Choose LiteRT if it is measurably faster, all replicas at work, with the same answers."""
        frozen, begun = self._on_tensorflow(graphs), self.clock()
        photos = self._photos(graphs[0].bundle)
        try:
            interpreted = self._on_litert(graphs, checkpoint)
            difference = engine_trial.difference(frozen[0], interpreted[0], photos)
            before, after = engine_trial.race([frozen, interpreted], photos, self.clock, checkpoint)
        except (ConversionError, ModelError) as error:
            return self._report(frozen, reason=str(error))
        return self._report(
            interpreted if engine_trial.takes_over(before, after, difference) else frozen,
            tensorflow_photos_per_s=round(before, 1),
            litert_photos_per_s=round(after, 1),
            difference=float(f"{difference:.2g}"),
            tolerance=engine_trial.TOLERANCE,
            replicas=self._count,
            threads=self._threads,
            seconds=round(self.clock() - begun, 2),
        )

    def _stay_on_litert(self, graphs: Graphs, checkpoint: Checkpoint) -> Replicas:
        """Use LiteRT if WORKER_ENGINE demands it, or if it still gives the same answers."""
        if self.settings.engine == "litert":
            return self._on_litert(graphs, checkpoint)
        frozen = self._on_tensorflow(graphs)
        try:
            interpreted = self._on_litert(graphs, checkpoint)
            difference = engine_trial.difference(frozen[0], interpreted[0], self._photos(graphs[0].bundle))
        except (ConversionError, ModelError) as error:
            return self._report(frozen, reason=str(error))
        if difference > engine_trial.TOLERANCE:
            return self._report(frozen, difference=float(f"{difference:.2g}"))
        return interpreted

    def _report(self, chosen: Replicas, **fields: object) -> Replicas:
        self.telemetry.event("engine_chosen", engine=chosen[0][0].engine, **fields)
        return chosen

    def _photos(self, bundle: Bundle) -> Photos:
        """Random photos for a trial: a batch of an allowed size."""
        least = min(engine_trial.BATCH, self.settings.batch_size)
        size = next(size for size in self._sizes if size >= least)
        return engine_trial.random_photos(size, bundle.manifest.input.height, bundle.manifest.input.width)

    def _warm_up(self, replicas: Replicas, checkpoint: Checkpoint) -> Replicas:
        for models in zip(*replicas, strict=True):
            begun = self.clock()
            for model in dict.fromkeys(models):  # a model that replicas share only once
                model.warm_up(checkpoint)
            self.telemetry.event(
                "warmed_up",
                model=models[0].bundle.name,
                version=models[0].bundle.version,
                largest_batch=min(model.largest_batch for model in models),
                seconds=round(self.clock() - begun, 2),
            )
        self._engine = replicas[0][0].engine
        return replicas


def seconds_by_size(replica: LoadedReplica) -> dict[int, float]:
    """Duration of a batch on all models of a replica, for the sizes that each of them timed."""
    times = [model.seconds_by_size for model in replica]
    return {
        size: sum(each[size] for each in times) for size in times[0] if all(size in each for each in times)
    }
