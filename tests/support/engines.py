"""Engines for tests: real ones that do all in this process, and fakes that run nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from worker.adapters import engines
from worker.adapters.tensorflow import translator
from worker.errors import ConversionError, ModelError
from worker.inference.bundle import Bundle
from worker.inference.engine_trial import Engine, RunnerName
from worker.inference.runtimes import Checkpoint, FrozenGraph, Graphs, LoadedReplica, Precision
from worker.inference.serving import Photos
from worker.inference.translations import entries
from worker.inference.translations.job import Answer, Job, Rates
from worker.inference.translations.translation import ANSWERS, GRAPH, MODEL, photos_for
from worker.messages import Outputs


class InProcess(engines.Engines):
    """Does jobs in this process: another one would import TensorFlow again, for seconds. Counts them."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def work(self, job: Job, checkpoint: Checkpoint) -> Answer:
        """Do a job here; it travels as JSON all the same."""
        checkpoint()
        self.jobs.append(job)
        done = translator.work(Job.model_validate_json(job.model_dump_json()))
        return Answer.model_validate_json(done.model_dump_json())


@dataclass(eq=False)
class Constant:
    """A model that gives every photo the same score."""

    bundle: Bundle
    engine: Engine
    score: float
    largest_batch: int = 4
    seconds_by_size: Mapping[int, float] = field(default_factory=dict)

    def predict(self, batch: Photos) -> Outputs:
        if self.score < 0:
            raise ModelError("no such photo")
        return {"score": np.full((len(batch), 1), self.score, np.float32)}

    def warm_up(self, checkpoint: Checkpoint) -> None:
        checkpoint()


@dataclass(eq=False)
class FakeEngines:
    """TensorFlow gives `score`, LiteRT what its file says. Notes what was done, in order."""

    tensorflow_version: str | None = "2.21.0"
    litert_version: str = "2.3.0"
    may_have_gpus: bool = False
    score: float = 3.0
    translated: float = 3.0  # what the next translation says
    reason: str | None = None  # why the next translation is impossible
    answer: Answer = field(default_factory=Answer)
    rates: tuple[float, float] = (100.0, 120.0)  # of TensorFlow and LiteRT, photos/s
    done: list[str] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)

    devices: Sequence[str] = ("CPU",)
    gpus: Sequence[str] = ()

    def tensorflow(self) -> "FakeEngines":
        self.done.append("import")
        return self

    def configure(self, threads: int, callers: int, precision: Precision) -> None:
        pass

    def freeze(self, bundle: Bundle) -> FrozenGraph:
        self.done.append("freeze")
        return FrozenGraph(bundle, None)

    def save(self, graph: FrozenGraph, path: Path) -> Mapping[str, Any]:
        path.write_text("graph")
        return {"inputs": [], "outputs": []}

    def load(self, bundle: Bundle, path: Path, names: Mapping[str, Any]) -> FrozenGraph:
        assert path.read_text() == "graph"
        return FrozenGraph(bundle, None)

    def replicas(
        self, graphs: Graphs, count: int, sizes: Sequence[int], count_padding: Callable[[int], None]
    ) -> Sequence[LoadedReplica]:
        return [tuple(Constant(graph.bundle, "tensorflow", self.score) for graph in graphs)] * count

    @property
    def runners(self) -> Mapping[RunnerName, str]:
        return {"litert": self.litert_version}

    def runner(self, name: RunnerName) -> "FakeLiteRT":
        assert name == "litert"
        return FakeLiteRT()

    def work(self, job: Job, checkpoint: Checkpoint) -> Answer:
        checkpoint()
        self.done.append("race" if job.race else "translate")
        self.jobs.append(job)
        if self.answer != Answer():
            return self.answer
        for model in job.models:
            if model.freeze_into:
                model.freeze_into.mkdir(parents=True)
                (model.freeze_into / GRAPH).write_text("graph")
                entries.seal(model.freeze_into, {"key": model.key, "inputs": [], "outputs": []})
            if model.translate_into:
                self._translate(model.translate_into, photos_for(_bundle(model.bundle)), model.key)
        if job.race is None or self.reason:
            return Answer()
        difference = abs(self.score - self.translated)
        rates: dict[Engine, float] = {"tensorflow": self.rates[0], "litert": self.rates[1]}
        found = Rates(photos_per_s=rates, differences={"litert": difference}, refused={}, seconds=1)
        return Answer(rates=found)

    def _translate(self, folder: Path, photos: Photos, key: str) -> None:
        folder.mkdir(parents=True)
        about: dict[str, Any] = {
            "key": key,
            "tensorflow": self.tensorflow_version,
            "litert": self.litert_version,
        }
        if self.reason:
            entries.seal(folder, {**about, "reason": self.reason})
            return
        about["difference"] = abs(self.score - self.translated)
        (folder / MODEL).write_text(str(self.translated))
        np.savez(folder / ANSWERS, score=np.full((len(photos), 1), self.score, np.float32))
        entries.seal(folder, about)


class FakeLiteRT:
    """Reads the score from the file."""

    def replicas(
        self,
        translations: Sequence[tuple[Bundle, Path]],
        count: int,
        largest_batch: int,
        threads: int,
        checkpoint: Checkpoint,
    ) -> Sequence[LoadedReplica]:
        def load(bundle: Bundle, path: Path) -> Constant:
            try:
                return Constant(bundle, "litert", float(path.read_text()))
            except ValueError:
                raise ConversionError(f"{bundle.path} does not load in LiteRT") from None

        return [tuple(load(*one) for one in translations) for _ in range(count)]


def _bundle(path: Path) -> Bundle:
    from worker.inference import bundle

    return bundle.read(str(path))
