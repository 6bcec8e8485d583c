"""Loading models: which engine is chosen, how many replicas there are, how they answer."""

import gc
import io
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
import tensorflow as tf

from tests.support.engines import InProcess
from tests.support.faults.models import Hangs
from tests.support.models import PHOTOS, SIDE, Halves, RefusesRed, make_bundle, save_bundle
from worker.adapters import photo_by_photo
from worker.adapters.engines import Engines
from worker.adapters.litert.interpreted_model import InterpretedModel
from worker.adapters.openvino.streamed_model import StreamedModel
from worker.adapters.tensorflow import conversion
from worker.adapters.tensorflow.conversion import convert
from worker.adapters.tensorflow.frozen_graph import freeze
from worker.adapters.tensorflow.frozen_model import FrozenModel
from worker.adapters.tensorflow.runtimes import TensorFlow
from worker.errors import BatchTooLargeError, ConfigurationError, ModelError
from worker.inference import bundle, engine_trial
from worker.inference.bundle import Bundle
from worker.inference.delivery import checksums
from worker.inference.engine_trial import Engine, RunnerName
from worker.inference.model_loader import ModelLoader
from worker.inference.runtimes import Replicas
from worker.inference.translations import entries
from worker.inference.translations.cache import FOLDER, GRAPHS, VERDICTS
from worker.inference.translations.translation import GRAPH
from worker.inference.warm_up import seconds_by_size
from worker.settings import Settings
from worker.telemetry.counters import Telemetry
from worker.telemetry.log import set_up_logs

CHILD_SECONDS = 120
ENGINES: dict[Engine, type] = {
    "tensorflow": FrozenModel,
    "litert": InterpretedModel,
    "openvino": StreamedModel,
}
RUNNERS = ("litert", "openvino")


class Load(Protocol):
    """Loads bundles in this process, with settings."""

    def __call__(
        self, *bundles: Bundle, cores: int = 2, telemetry: Telemetry | None = None, **settings: Any
    ) -> Replicas: ...


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(
        *bundles: Bundle, cores: int = 2, telemetry: Telemetry | None = None, **settings: Any
    ) -> Replicas:
        required = {"queue_url": "https://sqs/queue", "buckets": "photos", "redis_url": "redis://here"}
        own = {"batch_size": 4, "model_cache": str(tmp_path / "cache")}
        chosen = Settings.model_validate({**required, **own, **settings})
        return ModelLoader(chosen, telemetry or Telemetry(), InProcess(), cores=cores).load(bundles)

    return load


@pytest.fixture
def log() -> io.StringIO:
    stream = io.StringIO()
    set_up_logs("json", "info", stream)
    return stream


def line(log: io.StringIO, event: str) -> dict[str, Any]:
    (found,) = [entry for entry in map(json.loads, log.getvalue().splitlines()) if entry["event"] == event]
    return dict(found)


@pytest.mark.parametrize("name", RUNNERS)
def test_the_engines_answer_as_tensorflow_within_the_tolerance(
    reference_model: Path, tmp_path: Path, name: RunnerName
) -> None:
    graph = freeze(bundle.read(str(reference_model)))
    frozen = FrozenModel(graph, range(1, 4))
    models = [(graph.bundle, tmp_path / "model.tflite")]
    models[0][1].write_bytes(convert(graph))
    (replica,) = Engines().runner(name).replicas(models, 1, 3, 1, lambda: None)
    photos = engine_trial.random_photos(3, 224, 224)
    for some in (photos, photos[1:2], np.zeros_like(photos)):
        assert engine_trial.difference([frozen], replica, some) <= engine_trial.TOLERANCE
    first, second, _ = frozen.predict(photos)["labels"]
    assert not np.allclose(first, second, atol=engine_trial.TOLERANCE)


def test_the_fastest_engine_is_chosen_if_it_answers_the_same(
    load: Load, reference_model: Path, log: io.StringIO
) -> None:
    replicas = load(bundle.read(str(reference_model)))
    chosen = line(log, "engine_chosen")
    rates: dict[Engine, float] = {name: chosen[f"{name}_photos_per_s"] for name in ENGINES}
    assert min(rates.values()) > 0
    differences: dict[RunnerName, float] = {
        "litert": chosen["difference"],
        "openvino": chosen["openvino_difference"],
    }
    assert max(differences.values()) <= chosen["tolerance"]
    assert chosen["engine"] == engine_trial.choose(rates, differences)
    assert {type(model) for replica in replicas for model in replica} == {ENGINES[chosen["engine"]]}


@pytest.mark.parametrize("error", [MemoryError("no memory"), BatchTooLargeError("no memory")])
def test_too_little_memory_for_once_is_no_verdict(
    load: Load, tmp_path: Path, log: io.StringIO, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    halves = make_bundle(Halves(), tmp_path)
    with monkeypatch.context() as patched:
        if isinstance(error, MemoryError):
            patched.setattr(conversion, "input_spec", fail)
        else:
            patched.setattr(engine_trial, "race", fail)
        load(halves)
    load(halves)
    hindered, raced = [
        one for one in map(json.loads, log.getvalue().splitlines()) if one["event"] == "engine_chosen"
    ]
    assert (hindered["engine"], "no memory" in hindered["reason"]) == ("tensorflow", True)
    assert "kept" not in raced
    assert "litert_photos_per_s" in raced


def test_a_race_in_which_a_model_fails_leaves_it_to_tensorflow_for_good(
    load: Load, tmp_path: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ModelError("model halves: no such photo")

    halves = make_bundle(Halves(), tmp_path)
    monkeypatch.setattr(engine_trial, "race", fail)
    for _ in range(2):
        load(halves)
    first, second = [
        one for one in map(json.loads, log.getvalue().splitlines()) if one["event"] == "engine_chosen"
    ]
    for one in (first, second):
        assert (one["engine"], one["reason"]) == ("tensorflow", "model halves: no such photo")
    assert ("kept" in first, second["kept"]) == (False, True)


def test_a_kept_graph_that_tensorflow_cannot_load_is_frozen_again(
    load: Load, tmp_path: Path, log: io.StringIO
) -> None:
    halves, kept = make_bundle(Halves(), tmp_path), tmp_path / "cache" / FOLDER
    load(halves)
    (graph,) = (kept / GRAPHS).glob("*/*")
    about = entries.read(graph)
    assert about
    (graph / GRAPH).write_bytes(b"no graph")
    (graph / checksums.NAME).unlink()
    entries.seal(graph, about.about)
    shutil.rmtree(kept / VERDICTS)
    log.truncate(0)
    load(halves)
    assert "litert_photos_per_s" in log.getvalue()


def test_a_disk_without_space_for_the_graph_leaves_the_race_as_it_is(
    load: Load, tmp_path: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_up(_graph: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(TensorFlow, "save", staticmethod(fill_up))
    load(make_bundle(Halves(), tmp_path))
    assert "litert_photos_per_s" in line(log, "engine_chosen")


@pytest.mark.parametrize("engine", ["tensorflow", "litert"])
def test_the_log_names_an_engine_that_was_demanded(
    load: Load, tmp_path: Path, log: io.StringIO, engine: str
) -> None:
    load(make_bundle(Halves(), tmp_path), engine=engine)
    assert line(log, "engine_chosen")["engine"] == engine


def test_the_engine_that_is_not_chosen_is_freed(load: Load, tmp_path: Path) -> None:
    replicas = load(make_bundle(Halves(), tmp_path), engine="litert")
    gc.collect()
    mine = [thing for thing in gc.get_objects() if isinstance(thing, FrozenModel)]
    assert not [model for model in mine if model.bundle is replicas[0][0].bundle]


def test_a_model_with_assertions_stays_with_tensorflow_and_says_why(
    load: Load, tmp_path: Path, log: io.StringIO
) -> None:
    (replica,) = load(make_bundle(RefusesRed(), tmp_path), replicas=1)
    assert isinstance(replica[0], FrozenModel)
    chosen = line(log, "engine_chosen")
    assert chosen["engine"] == "tensorflow"
    assert "side effects (Assert)" in chosen["reason"]


@pytest.mark.parametrize("name", RUNNERS)
@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (RefusesRed, "side effects \\(Assert\\)"),
        (Hangs, "cannot be converted for LiteRT: it has no operation Greater"),
    ],
)
def test_demanding_an_engine_for_a_model_it_cannot_run_is_a_wrong_configuration(
    load: Load, tmp_path: Path, model: type[Halves], reason: str, name: RunnerName
) -> None:
    with pytest.raises(ConfigurationError, match=f"m/1 .*{reason}"):
        load(make_bundle(model(), tmp_path, "m"), engine=name)


def test_the_warm_up_of_any_engine_finds_a_misfit(load: Load, tmp_path: Path) -> None:
    class Wide(Halves):
        @tf.function(input_signature=PHOTOS)  # type: ignore[untyped-decorator] # TensorFlow ships no types
        def score(self, photos: Any) -> dict[str, Any]:
            return {"score": tf.reduce_mean(tf.cast(photos, tf.float32), axis=[1, 2])}

    wide = make_bundle(Wide(), tmp_path)
    for engine in ENGINES:
        with pytest.raises(ConfigurationError, match=r"has shape \(1, 3\) for a batch of 1"):
            load(wide, engine=engine, cores=1)


def test_there_is_a_replica_for_each_core_and_each_holds_all_models(load: Load, tmp_path: Path) -> None:
    both = [make_bundle(Halves(), tmp_path, name) for name in ("one", "two")]
    for engine in ENGINES:
        replicas = load(*both, engine=engine, cores=3)
        models = [model for replica in replicas for model in replica]
        assert [[model.bundle.name for model in replica] for replica in replicas] == [["one", "two"]] * 3
        assert {model.largest_batch for model in models} == {4}
        for model in models:
            assert sorted(model.seconds_by_size) == [1, 2, 3, 4]
        both_times = [model.seconds_by_size[4] for model in replicas[0]]
        assert seconds_by_size(replicas[0])[4] == pytest.approx(sum(both_times))
        # An interpreter or a stream is for one thread, TensorFlow's graph for any number.
        assert len({id(model) for model in models}) == (2 if engine == "tensorflow" else 6)


def test_replicas_called_at_the_same_time_do_not_mix_up_their_answers(load: Load, tmp_path: Path) -> None:
    halves, wrong = make_bundle(Halves(), tmp_path), list[Any]()

    def ask(replicas: Replicas, number: int) -> None:
        photos = np.full((4, SIDE, SIDE, 3), 51 * number, np.uint8)
        for _ in range(200):
            scores = replicas[number][0].predict(photos)["score"]
            if not np.allclose(scores, 1 + 0.8 * number):
                wrong.append((replicas[0][0].engine, number, scores))

    for engine in ENGINES:
        replicas = load(halves, engine=engine, cores=4)
        threads = [threading.Thread(target=ask, args=(replicas, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(CHILD_SECONDS)
    assert not wrong


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("litert", "Cannot set tensor: Dimension mismatch"),
        ("openvino", r"Can't set the input tensor .* \(shape=\(1\.16\.17\.3\)\) are incompatible"),
    ],
)
def test_a_model_that_refuses_a_batch_raises_model_trouble_and_runs_the_next_one(
    load: Load, tmp_path: Path, name: RunnerName, reason: str
) -> None:
    ((model,),) = load(make_bundle(Halves(), tmp_path), engine=name, cores=1)
    with pytest.raises(ModelError, match=f"model halves: {reason}"):
        model.predict(np.zeros((2, SIDE, SIDE + 1, 3), np.uint8))
    assert model.predict(np.zeros((2, SIDE, SIDE, 3), np.uint8))["score"].tolist() == [[1.0], [1.0]]


@pytest.mark.parametrize("name", RUNNERS)
def test_a_runners_batches_are_as_large_as_runs_in_a_short_time(
    load: Load, tmp_path: Path, reference_model: Path, name: RunnerName
) -> None:
    for found in (bundle.read(str(reference_model)), make_bundle(Halves(), tmp_path)):
        ((model,),) = load(found, engine=name, batch_size=512, cores=1)
        each, largest = model.seconds_by_size[1], model.largest_batch
        limit = photo_by_photo.MAX_BATCH_SECONDS
        assert largest == 512 or each * (largest - 1) < limit or largest == 1
        assert largest == 512 or each * (largest + 1) > limit


def test_padding_rows_are_counted(load: Load, tmp_path: Path) -> None:
    telemetry = Telemetry()
    halves = make_bundle(Halves(), tmp_path)
    ((model,),) = load(halves, engine="tensorflow", pad_to="2,4", replicas=1, cores=1, telemetry=telemetry)
    assert "padded_rows" not in telemetry.counts
    sizes = [len(model.predict(np.zeros((n, SIDE, SIDE, 3), np.uint8))["score"]) for n in (1, 2, 3)]
    assert sizes == [1, 2, 3]
    assert telemetry.counts["padded_rows"] == 2


@pytest.mark.skipif(bool(TensorFlow.gpus), reason="there is a GPU")
def test_mixed_precision_without_a_gpu_is_a_wrong_configuration(load: Load, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="WORKER_PRECISION=mixed needs a GPU"):
        load(make_bundle(Halves(), tmp_path), precision="mixed", cores=1)


def test_two_models_of_the_same_name_are_refused(load: Load, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="two models of the same name"):
        load(make_bundle(Halves(), tmp_path), make_bundle(Halves(), tmp_path / "b"), cores=1)


def test_replicas_on_two_devices_answer_the_same_and_neither_waits_for_the_other(tmp_path: Path) -> None:
    location = save_bundle(Hangs(), tmp_path / "hangs" / "1", name="hangs")
    command = [sys.executable, "-m", "tests.integration.inference.two_devices", str(location)]
    child = subprocess.run(command, capture_output=True, text=True, timeout=CHILD_SECONDS, check=False)
    assert child.returncode == 0, child.stderr
    found = json.loads(child.stdout.splitlines()[-1])
    assert [place.rpartition("/")[2] for place in found["places"]] == ["device:CPU:0", "device:CPU:1"]
    assert found["answers"] == [[[1.0]] * 3] * 3
    assert found["stuck"]
