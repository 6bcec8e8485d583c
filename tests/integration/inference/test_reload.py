"""A new version of a model replaces the one that serves, on real runtimes; or is refused."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.support.fakes import ImpatientEvent, ManualClock
from tests.support.models import Halves, Threes, save_bundle
from worker import settings
from worker.adapters.tensorflow.frozen_model import FrozenModel
from worker.adapters.tensorflow.litert_model import InterpretedModel
from worker.adapters.tensorflow.runtimes import LiteRT, TensorFlow
from worker.errors import ConfigurationError, StorageError
from worker.inference import bundle
from worker.inference.bundle import Bundle
from worker.inference.library import Library
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

    def __init__(self, location: Path, engine: str = "tensorflow") -> None:
        self.location = str(location)
        chosen = settings.load({**REQUIRED, "WORKER_ENGINE": engine, "WORKER_REPLICAS": "2"})
        self.telemetry, self.stopping, self.shelf = Telemetry(), ImpatientEvent(), Shelf()
        self.loader = ModelLoader(chosen, self.telemetry, TensorFlow(), LiteRT(), cores=2)
        self.serving = Serving(self.loader.load([bundle.read(self.location)]))
        self.loads = 0
        self.reload = Reload(
            library=self.shelf,
            locations=[self.location],
            serving=self.serving,
            load=self.load,
            interval_seconds=60,
            telemetry=self.telemetry,
            stopping=self.stopping,
            clock=ManualClock(),
        )

    def load(self, bundles: Sequence[Bundle], checkpoint: Checkpoint) -> Sequence[Replica]:
        self.loads += 1
        return self.loader.load_next(bundles, checkpoint)

    def scores(self) -> list[float]:
        return [float(replica[0].predict(PHOTO)["score"].item()) for replica in self.serving.replicas]


@pytest.mark.parametrize(("engine", "kind"), [("tensorflow", FrozenModel), ("litert", InterpretedModel)])
def test_a_newer_version_takes_over_on_the_same_engine(tmp_path: Path, engine: str, kind: type) -> None:
    worker = Worker(save_bundle(Halves(), tmp_path / "meals" / "1", name="meals"), engine)
    worker.reload.step()
    assert worker.loads == 0, "nothing is new"
    assert worker.scores() == pytest.approx([2.6, 2.6])
    save_bundle(Threes(), tmp_path / "meals" / "2", name="meals")
    worker.reload.step()
    assert worker.scores() == [3.0, 3.0]
    assert worker.serving.versions == {"meals": "2"}
    assert all(isinstance(replica[0], kind) for replica in worker.serving.replicas)
    assert worker.telemetry.counts["model_taken_up"] == 1
    assert worker.stopping.waits == [60, 60]


def test_a_version_that_was_withdrawn_gives_way_to_the_one_before(tmp_path: Path) -> None:
    save_bundle(Halves(), tmp_path / "meals" / "1", name="meals")
    worker = Worker(save_bundle(Threes(), tmp_path / "meals" / "2", name="meals"))
    (tmp_path / "meals" / "2").rename(tmp_path / "withdrawn")
    worker.reload.step()
    assert worker.serving.versions == {"meals": "1"}
    assert worker.scores() == pytest.approx([2.6, 2.6])


def test_a_version_for_other_photos_is_refused_once_and_the_old_one_serves_on(tmp_path: Path) -> None:
    worker = Worker(save_bundle(Halves(), tmp_path / "meals" / "1", name="meals"))
    save_bundle(Threes(), tmp_path / "meals" / "2", name="meals", height=32)
    worker.reload.step()
    worker.reload.step()
    assert (worker.serving.versions, worker.loads) == ({"meals": "1"}, 0)
    assert worker.telemetry.counts["model_refused"] == 1
    save_bundle(Threes(), tmp_path / "meals" / "3", name="meals")
    worker.reload.step()
    assert worker.serving.versions == {"meals": "3"}


def broken(folder: Path) -> None:
    save_bundle(Threes(), folder, name="meals")
    (folder / "saved_model.pb").write_bytes(b"no graph")


def of_another_name(folder: Path) -> None:
    save_bundle(Threes(), folder, name="drinks")


def with_another_output(folder: Path) -> None:
    save_bundle(Threes(), folder, name="meals", outputs={"score_probs": "score"})


@pytest.mark.parametrize("publish", [broken, of_another_name, with_another_output])
def test_a_version_that_does_not_work_is_refused(tmp_path: Path, publish: Callable[[Path], None]) -> None:
    worker = Worker(save_bundle(Halves(), tmp_path / "meals" / "1", name="meals"))
    publish(tmp_path / "meals" / "2")
    worker.reload.step()
    assert worker.serving.versions == {"meals": "1"}
    assert worker.telemetry.counts["model_refused"] == 1
    assert worker.scores() == pytest.approx([2.6, 2.6])


def test_an_error_that_nobody_foresaw_is_no_reason_to_stop_serving(tmp_path: Path) -> None:
    worker = Worker(save_bundle(Halves(), tmp_path / "meals" / "1", name="meals"))
    save_bundle(Threes(), tmp_path / "meals" / "2", name="meals")
    worker.reload._load = lambda _bundles, _checkpoint: 1 / 0  # type: ignore[assignment,return-value]
    worker.reload.step()
    assert (worker.serving.versions, worker.telemetry.counts["model_refused"]) == ({"meals": "1"}, 1)


def test_while_s3_is_in_trouble_the_old_version_serves_and_the_next_look_tries_again(tmp_path: Path) -> None:
    worker = Worker(save_bundle(Halves(), tmp_path / "meals" / "1", name="meals"))
    save_bundle(Threes(), tmp_path / "meals" / "2", name="meals")
    worker.shelf.in_trouble = True
    worker.reload.step()
    assert (worker.serving.versions, worker.telemetry.counts["model_look_failed"]) == ({"meals": "1"}, 1)
    worker.shelf.in_trouble = False
    worker.reload.step()
    assert worker.serving.versions == {"meals": "2"}


def test_a_stop_ends_it_while_it_waits_and_while_it_loads(tmp_path: Path) -> None:
    worker = Worker(save_bundle(Halves(), tmp_path / "meals" / "1", name="meals"))
    save_bundle(Threes(), tmp_path / "meals" / "2", name="meals")
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


def test_as_many_replicas_take_over_as_there_are_threads(tmp_path: Path) -> None:
    worker = Worker(save_bundle(Halves(), tmp_path / "meals" / "1", name="meals"))
    with pytest.raises(ValueError, match="1 replicas cannot replace 2"):
        worker.serving.replace(worker.serving.replicas[:1])


def test_nothing_whole_there_is_told_and_the_old_version_serves(tmp_path: Path) -> None:
    worker = Worker(save_bundle(Halves(), tmp_path / "meals" / "1", name="meals"))
    (tmp_path / "meals" / "1").rename(tmp_path / "gone")
    with pytest.raises(ConfigurationError):
        worker.shelf.newest(worker.location)
    worker.reload.step()
    assert (worker.serving.versions, worker.telemetry.counts["model_look_failed"]) == ({"meals": "1"}, 1)
