"""Engines for tests: real ones that do all in this process, and fakes that run nothing."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from worker.adapters import engines
from worker.adapters.tensorflow import translator
from worker.errors import BatchTooLargeError, ConversionError, ModelError
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
    """A model that gives every photo the same score: below 0 it does not run, infinite it takes too much memory."""

    bundle: Bundle
    engine: Engine
    score: float
    largest_batch: int = 4
    seconds_by_size: Mapping[int, float] = field(default_factory=dict)

    def predict(self, batch: Photos) -> Outputs:
        if self.score < 0:
            raise ModelError("no such photo")
        if math.isinf(self.score):
            raise BatchTooLargeError("no memory")
        return {"score": np.full((len(batch), 1), self.score, np.float32)}

    def warm_up(self, checkpoint: Checkpoint) -> None:
        checkpoint()


@dataclass(eq=False)
class FakeEngines:
    """TensorFlow gives `score`, the others what LiteRT's file says. Notes what was done, in order."""

    tensorflow_version: str | None = "2.21.0"
    litert_version: str = "2.3.0"
    may_have_gpus: bool = False
    score: float = 3.0
    translated: float = 3.0  # what the next translation says
    reason: str | None = None  # why the next translation is impossible
    answer: Answer = field(default_factory=Answer)
    rates: Mapping[Engine, float] = field(  # photos/s
        default_factory=lambda: {"tensorflow": 100.0, "litert": 120.0, "openvino": 150.0}
    )
    with_openvino: bool = False
    errors: dict[RunnerName, float] = field(
        default_factory=dict
    )  # of their answers here, though not in a race
    refused: dict[RunnerName, str] = field(default_factory=dict)  # why they can run nothing here
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
        found: dict[RunnerName, str] = {"litert": self.litert_version}
        return {**found, "openvino": "2026.1"} if self.with_openvino else found

    def runner(self, name: RunnerName) -> "FakeRunner":
        if name in self.refused:
            raise ConversionError(self.refused[name])
        return FakeRunner(name, self.errors.get(name, 0.0))

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
                photos = photos_for(_bundle(model.bundle))
                self._translate(model.translate_into, photos, model.key, again=model.again)
        if job.race is None or self.reason:
            return Answer()
        differences = dict.fromkeys(self.runners, abs(self.score - self.translated))
        racing: list[Engine] = ["tensorflow", *self.runners]
        rates = {name: self.rates[name] for name in racing}
        return Answer(rates=Rates(photos_per_s=rates, differences=differences, refused={}, seconds=1))

    def _translate(self, folder: Path, photos: Photos, key: str, *, again: bool) -> None:
        folder.mkdir(parents=True)
        about: dict[str, Any] = {
            "key": key,
            "tensorflow": self.tensorflow_version,
            "litert": self.litert_version,
            "again": again,
        }
        if self.reason:
            entries.seal(folder, {**about, "reason": self.reason})
            return
        about["difference"] = abs(self.score - self.translated)
        (folder / MODEL).write_text(str(self.translated))
        np.savez(folder / ANSWERS, score=np.full((len(photos), 1), self.score, np.float32))
        entries.seal(folder, about)


@dataclass(frozen=True)
class FakeRunner:
    """Reads the score from the file, and adds its error."""

    name: RunnerName
    error: float

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
                return Constant(bundle, self.name, float(path.read_text()) + self.error)
            except ValueError:
                raise ConversionError(f"{bundle.path} does not load") from None

        return [tuple(load(*one) for one in translations) for _ in range(count)]


def _bundle(path: Path) -> Bundle:
    from worker.inference import bundle

    return bundle.read(str(path))
