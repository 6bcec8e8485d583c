"""A new version of a model replaces the one that serves, on real runtimes; or is refused."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.engines import InProcess
from tests.support.fakes import ImpatientEvent, ManualClock
from tests.support.models import Halves, Threes, save_bundle
from worker import settings
from worker.adapters.litert.interpreted_model import InterpretedModel
from worker.adapters.openvino.streamed_model import StreamedModel
from worker.adapters.tensorflow.frozen_model import FrozenModel
from worker.errors import ConfigurationError, StorageError
from worker.inference import bundle
from worker.inference.bundle import Bundle
from worker.inference.delivery.library import Library
from worker.inference.model_loader import ModelLoader
from worker.inference.reload import Reload
from worker.inference.runtimes import Checkpoint
from worker.inference.serving import Replica, Serving
from worker.pipeline.queues import ShutDown
from worker.telemetry.counters import Telemetry

REQUIRED = {
    "WORKER_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/111122223333/photos",
    "WORKER_BUCKETS": "photos",
    "WORKER_REDIS_URL": "redis://localhost:6379/0",
    "WORKER_BATCH_SIZE": "2",
}
ENGINES = [("tensorflow", FrozenModel), ("litert", InterpretedModel), ("openvino", StreamedModel)]
PHOTO = np.full((1, 16, 16, 3), 102, np.uint8)


class Shelf(Library):
    """A library of folders on this machine, which can be made to fail."""

    def __init__(self) -> None:
        self.in_trouble = False

    def newest(self, location: str) -> str:
        if self.in_trouble:
            raise StorageError("no answer")
        return bundle.read(location).version

    def fetch(self, location: str, checkpoint: Checkpoint = lambda: None) -> Bundle:
        checkpoint()
        return bundle.read(location)


class Worker:
    """The parts of a worker that a reload uses: models that serve, on real runtimes."""

    def __init__(self, folder: Path, engine: str = "tensorflow") -> None:
        """Serve the newest version of the model in `folder`, which is 1 unless there is one already."""
        self.folder = folder
        if not folder.exists():
            self.save(1, Halves())
        chosen = settings.load(
            {
                **REQUIRED,
                "WORKER_ENGINE": engine,
                "WORKER_REPLICAS": "2",
                "WORKER_MODEL_CACHE": str(folder.parent / "cache"),
            }
        )
        self.telemetry, self.stopping, self.shelf = Telemetry(), ImpatientEvent(), Shelf()
        self.loader = ModelLoader(chosen, self.telemetry, InProcess(), cores=2)
        self.serving = Serving(self.loader.load([bundle.read(str(folder))]))
        self.loads = 0
        self.reload = Reload(
            library=self.shelf,
            locations=[str(folder)],
            serving=self.serving,
            load=self.load,
            interval_seconds=60,
            telemetry=self.telemetry,
            stopping=self.stopping,
            clock=ManualClock(),
        )

    def save(self, version: int, model: Any, *, name: str = "meals", **more: Any) -> Path:
        save_bundle(model, self.folder / str(version), name=name, **more)
        return self.folder / str(version)

    def load(self, bundles: Sequence[Bundle], checkpoint: Checkpoint) -> Sequence[Replica]:
        self.loads += 1
        return self.loader.load_next(bundles, checkpoint)

    def scores(self) -> list[float]:
        return [float(replica[0].predict(PHOTO)["score"].item()) for replica in self.serving.replicas]


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    return Worker(tmp_path / "meals")


@pytest.mark.parametrize(("engine", "kind"), ENGINES)
def test_a_newer_version_takes_over_on_the_same_engine(tmp_path: Path, engine: str, kind: type) -> None:
    worker = Worker(tmp_path / "meals", engine)
    worker.reload.step()
    assert worker.loads == 0, "nothing is new"
    assert worker.scores() == pytest.approx([2.6, 2.6])
    worker.save(2, Threes())
    worker.reload.step()
    assert worker.scores() == [3.0, 3.0]
    assert worker.serving.versions == {"meals": "2"}
    assert {type(replica[0]) for replica in worker.serving.replicas} == {kind}
    assert worker.telemetry.counts["model_taken_up"] == 1
    assert worker.stopping.waits == [60, 60]


def test_a_version_that_was_withdrawn_gives_way_to_the_one_before(tmp_path: Path) -> None:
    meals = save_bundle(Threes(), tmp_path / "meals" / "2", name="meals")
    worker = Worker(meals)
    worker.save(1, Halves())
    (meals / "2").rename(tmp_path / "withdrawn")
    worker.reload.step()
    assert worker.serving.versions == {"meals": "1"}
    assert worker.scores() == pytest.approx([2.6, 2.6])


def test_a_version_for_other_photos_is_refused_once_and_the_old_one_serves_on(worker: Worker) -> None:
    worker.save(2, Threes(), height=32)
    worker.reload.step()
    worker.reload.step()
    assert (worker.serving.versions, worker.loads) == ({"meals": "1"}, 0)
    assert worker.telemetry.counts["model_refused"] == 1
    worker.save(3, Threes())
    worker.reload.step()
    assert worker.serving.versions == {"meals": "3"}


@pytest.mark.parametrize(
    "fault", [{"name": "drinks"}, {"outputs": {"score_probs": "score"}}, {}], ids=["name", "output", "graph"]
)
def test_a_version_that_does_not_work_is_refused(worker: Worker, fault: dict[str, Any]) -> None:
    folder = worker.save(2, Threes(), **fault)
    if not fault:
        (folder / "saved_model.pb").write_bytes(b"no graph")
    worker.reload.step()
    assert worker.serving.versions == {"meals": "1"}
    assert worker.telemetry.counts["model_refused"] == 1
    assert worker.scores() == pytest.approx([2.6, 2.6])


def test_an_unexpected_error_does_not_stop_the_old_version(worker: Worker) -> None:
    worker.save(2, Threes())
    worker.reload.load = lambda _bundles, _checkpoint: 1 / 0  # type: ignore[assignment,return-value]
    worker.reload.step()
    assert (worker.serving.versions, worker.telemetry.counts["model_refused"]) == ({"meals": "1"}, 1)


def test_during_trouble_with_s3_the_old_version_serves_and_the_next_step_tries_again(worker: Worker) -> None:
    worker.save(2, Threes())
    worker.shelf.in_trouble = True
    worker.reload.step()
    assert (worker.serving.versions, worker.telemetry.counts["model_look_failed"]) == ({"meals": "1"}, 1)
    worker.shelf.in_trouble = False
    worker.reload.step()
    assert worker.serving.versions == {"meals": "2"}


def test_a_stop_ends_the_step_while_it_waits_and_while_it_loads(worker: Worker) -> None:
    worker.save(2, Threes())
    fetch = worker.shelf.fetch

    def stop_meanwhile(location: str, checkpoint: Checkpoint = lambda: None) -> Bundle:
        threading.Event.set(worker.stopping)
        return fetch(location, checkpoint)

    worker.shelf.fetch = stop_meanwhile  # type: ignore[method-assign]
    with pytest.raises(ShutDown):
        worker.reload.step()
    with pytest.raises(ShutDown):
        worker.reload.step()
    assert (worker.serving.versions, worker.loads) == ({"meals": "1"}, 0)


def test_the_number_of_replicas_cannot_change(worker: Worker) -> None:
    with pytest.raises(ValueError, match="1 replicas cannot replace 2"):
        worker.serving.replace(worker.serving.replicas[:1])


def test_without_a_complete_version_the_old_one_serves_and_a_warning_is_logged(worker: Worker) -> None:
    (worker.folder / "1").rename(worker.folder / "gone")
    with pytest.raises(ConfigurationError):
        worker.shelf.newest(str(worker.folder))
    worker.reload.step()
    assert (worker.serving.versions, worker.telemetry.counts["model_look_failed"]) == ({"meals": "1"}, 1)
