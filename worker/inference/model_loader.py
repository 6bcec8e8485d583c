"""Loads bundles as warm replicas: how many, on which devices, and on an engine that choice.py chooses on CPUs.

A replica is all models of WORKER_MODEL on one device, for one thread. Replicas run in parallel and
take their batches from one queue.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from pathlib import Path

from worker.inference import engine_trial
from worker.inference.bundle import Bundle, check_compatible
from worker.inference.engine_trial import Engine, RunnerName
from worker.inference.free_memory import trim_memory
from worker.inference.runtimes import Checkpoint, Engines, Replicas, TensorFlow
from worker.inference.translations import choice
from worker.inference.translations.cache import Cache
from worker.inference.translations.desk import Desk
from worker.inference.translations.job import Race
from worker.inference.warm_up import warm_up_all
from worker.settings import Settings
from worker.telemetry.counters import Telemetry
from worker.telemetry.start import Start

CPU = "/physical_device:CPU:0"  # as TensorFlow names it


@dataclass(eq=False)
class ModelLoader:
    """Loads the models at start, and newer versions later, on the engine that serves by then."""

    settings: Settings
    telemetry: Telemetry
    engines: Engines
    _: KW_ONLY
    cores: int
    clock: Callable[[], float] = time.monotonic
    start: Start = field(default_factory=Start)

    def __post_init__(self) -> None:
        self._cache = Cache(Path(self.settings.model_cache), self.telemetry)
        self._tensorflow: TensorFlow | None = None  # once it is imported
        self._use_devices(0)
        self._sizes = self.settings.pad_to or range(1, self.settings.batch_size + 1)  # of batches
        self._engine: Engine = "tensorflow"  # of the replicas that were loaded last
        wanted = self.settings.engine
        # What WORKER_ENGINE says shall run translations, fast or slow.
        self._demanded: RunnerName | None = wanted if wanted in ("litert", "openvino") else None

    def load(self, bundles: Sequence[Bundle], checkpoint: Checkpoint = lambda: None) -> Replicas:
        """Choose the engine, load the models and warm them up; `checkpoint` is called meanwhile.

        Raises ConfigurationError when a bundle does not match the others, its model or
        WORKER_ENGINE.
        """
        check_compatible(bundles)
        with self.start.part("models"):
            replicas = self._load(bundles, checkpoint)
        with self.start.part("warm_up"):
            self._warm_up(replicas, checkpoint)
        return replicas

    def load_next(self, bundles: Sequence[Bundle], checkpoint: Checkpoint) -> Replicas:
        """Load other versions while the last ones serve: as many replicas, on the same engine.

        There is no race under load. LiteRT or OpenVINO stays if it gives the same answers as
        TensorFlow for these versions too. Raises ConfigurationError as `load` does.
        """
        check_compatible(bundles)
        with Desk(bundles, self._cache, self.engines, checkpoint, beside=True) as desk:
            replicas = self._stay(desk, checkpoint)
        self._warm_up(replicas, checkpoint)
        return replicas

    def _load(self, bundles: Sequence[Bundle], checkpoint: Checkpoint) -> Replicas:
        needs_tensorflow = self._needs_tensorflow()
        devices = list(self._tensorflow.devices) if self._tensorflow else [CPU]
        self.telemetry.event("warming_up", batch_sizes=self.settings.batch_size, devices=devices)
        with Desk(bundles, self._cache, self.engines, checkpoint) as desk:
            replicas = (
                self._report(self._on_tensorflow(desk))
                if needs_tensorflow
                else self._choose(desk, checkpoint)
            )
        trim_memory()  # frees what loading took
        return replicas

    def _needs_tensorflow(self) -> bool:
        """Whether TensorFlow is to run the models, whatever others can do. Imports it if that is so."""
        if self._demanded:
            return False
        if self.settings.engine == "tensorflow" or self.settings.precision == "mixed":
            self._import_tensorflow()
            return True
        return self.engines.may_have_gpus and bool(self._import_tensorflow().gpus)

    def _import_tensorflow(self) -> TensorFlow:
        """Import it into this process, for good."""
        if self._tensorflow is None:
            self._tensorflow = self.engines.tensorflow()
            self._use_devices(len(self._tensorflow.gpus))
            self._tensorflow.configure(self._threads, self._count, self.settings.precision)
        return self._tensorflow

    def _use_devices(self, gpus: int) -> None:
        self._count = self.settings.replicas or gpus or self.cores
        self._threads = self.settings.model_threads or max(1, self.cores // self._count)  # of one call

    def _on_tensorflow(self, desk: Desk) -> Replicas:
        tensorflow = self._import_tensorflow()
        graphs = desk.graphs(tensorflow)
        trim_memory()  # so that the next steps do not add to the peak of loading
        count_padding = partial(self.telemetry.count, "padded_rows")
        return tensorflow.replicas(graphs, self._count, self._sizes, count_padding)

    def _choose(self, desk: Desk, checkpoint: Checkpoint) -> Replicas:
        """Use the engine that WORKER_ENGINE demands, or else the one that is worth most."""
        if self._demanded:
            return self._report(self._on_runner(self._demanded, desk, checkpoint))
        if self.engines.tensorflow_version is None:
            replicas = self._on_runner("litert", desk, checkpoint)
            return self._report(replicas, reason="TensorFlow is not installed")
        chosen, facts = choice.choose(desk, self._race, lambda name: self._on_runner(name, desk, checkpoint))
        return self._report(chosen or self._on_tensorflow(desk), **facts)

    def _stay(self, desk: Desk, checkpoint: Checkpoint) -> Replicas:
        """Use the same engine, if it still gives TensorFlow's answers or WORKER_ENGINE demands it."""
        if self._engine == "tensorflow":
            return self._on_tensorflow(desk)
        if self._demanded or self.engines.tensorflow_version is None:
            return self._on_runner(self._engine, desk, checkpoint)
        chosen, facts = choice.stay(self._engine, lambda name: self._on_runner(name, desk, checkpoint))
        replicas = chosen or self._on_tensorflow(desk)
        return self._report(replicas, **facts) if facts else replicas

    @property
    def _race(self) -> Race:
        """How the engines would race; its result depends on nothing else, beside models, runtimes and CPU."""
        least = min(engine_trial.BATCH, self.settings.batch_size)
        return Race(
            cores=self.cores,
            replicas=self._count,
            threads=self._threads,
            sizes=tuple(self._sizes),
            largest_batch=self.settings.batch_size,
            photos=next(size for size in self._sizes if size >= least),
            runners=tuple(self.engines.runners),
        )

    def _on_runner(self, name: RunnerName, desk: Desk, checkpoint: Checkpoint) -> Replicas:
        """Run translations on LiteRT or OpenVINO, if the answers are TensorFlow's or WORKER_ENGINE demands it."""
        load = partial(
            self.engines.runner(name).replicas,
            count=self._count,
            largest_batch=self.settings.batch_size,
            threads=self._threads,
            checkpoint=checkpoint,
        )
        return choice.run_judged(desk, load, self._tell_difference if self._demanded else None)

    def _tell_difference(self, bundle: Bundle, reason: str) -> None:
        self.telemetry.warn("answers_differ", model=bundle.name, reason=reason)

    def _report(self, chosen: Replicas, **fields: object) -> Replicas:
        facts = {**fields, "engine": chosen[0][0].engine, "replicas": self._count, "threads": self._threads}
        self.telemetry.event("engine_chosen", **facts)
        return chosen

    def _warm_up(self, replicas: Replicas, checkpoint: Checkpoint) -> None:
        warm_up_all(replicas, checkpoint, self.telemetry, self.clock)
        self._engine = replicas[0][0].engine
