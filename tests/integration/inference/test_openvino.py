"""OpenVINO, the real package: it talks to nobody, says what it cannot run, and races like the others."""

import io
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from tests.support.engines import InProcess
from tests.support.models import PHOTOS, Halves, make_bundle, save_bundle
from worker.adapters.litert.interpreted_model import InterpretedModel
from worker.adapters.openvino.runtime import OpenVINO
from worker.adapters.openvino.streamed_model import Compiled, StreamedModel
from worker.adapters.tensorflow.conversion import convert
from worker.adapters.tensorflow.frozen_graph import freeze
from worker.errors import ConfigurationError, ConversionError
from worker.inference import bundle, engine_trial
from worker.inference.bundle import Bundle
from worker.inference.engine_trial import RunnerName
from worker.inference.model_loader import ModelLoader
from worker.settings import Settings
from worker.telemetry.counters import Telemetry
from worker.telemetry.log import set_up_logs

CHILD_SECONDS = 120
REQUIRED = {"queue_url": "https://sqs/queue", "buckets": "photos", "redis_url": "redis://here"}


class Installed(InProcess):
    """Engines of which only some runners are installed, in any version."""

    def __init__(self, **versions: str) -> None:
        super().__init__()
        self._versions = versions

    @property
    def runners(self) -> Mapping[RunnerName, str]:
        return self._versions  # type: ignore[return-value] # names of runners


def translate(found: Bundle, folder: Path) -> Path:
    (folder / "model.tflite").write_bytes(convert(freeze(found)))
    return folder / "model.tflite"


def make_loader(folder: Path, engines: InProcess, engine: str = "auto") -> ModelLoader:
    own = {"model_cache": str(folder / "cache"), "engine": engine, "replicas": "1"}
    return ModelLoader(Settings.model_validate({**REQUIRED, **own}), Telemetry(), engines, cores=1)


# Ends with exit code 1 once anything looks up a name or opens a connection.
WATCHED = """
import os, sys, time
def watch(event, arguments):
    if event.startswith("socket."):
        print(event, arguments, file=sys.stderr, flush=True)
        os._exit(1)
sys.addaudithook(watch)
from pathlib import Path
import numpy as np
from worker.adapters.openvino.runtime import OpenVINO
from worker.inference import bundle
found = bundle.read(sys.argv[1])
((model,),) = OpenVINO().replicas([(found, Path(sys.argv[2]))], 1, 1, 1, lambda: None)
model.predict(np.zeros((1, 16, 16, 3), np.uint8))
sent = [name for name in sys.modules if name.startswith("openvino_telemetry")]
print(sent)
"""


def test_it_reports_to_nobody(tmp_path: Path) -> None:
    halves = make_bundle(Halves(), tmp_path)
    command = [sys.executable, "-c", WATCHED, str(halves.path), str(translate(halves, tmp_path))]
    child = subprocess.run(command, capture_output=True, text=True, timeout=CHILD_SECONDS, check=False)
    assert child.returncode == 0, child.stderr
    assert child.stdout.strip() == "[]", "whatever it would report would go through this package"


# As a worker whose two models were replaced by newer versions: in the order in which they came.
STOPPED = """
import gc, os, signal, sys, threading
from pathlib import Path
from worker.adapters.openvino.runtime import OpenVINO
from worker.inference import bundle
one = (bundle.read(sys.argv[1]), Path(sys.argv[2]))
models = [OpenVINO().replicas([one], 1, 1, 1, lambda: None) for _ in range(2)]
while models:
    models.pop(0)
    gc.collect()
asked = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: asked.set())
os.kill(os.getpid(), signal.SIGTERM)
print(asked.wait(10))
"""


def test_a_stop_is_heard_after_models_came_and_went(tmp_path: Path) -> None:
    """OpenVINO gives the thread a stack for signals, and with it, it may take away memory that is in use."""
    halves = make_bundle(Halves(), tmp_path)
    command = [sys.executable, "-c", STOPPED, str(halves.path), str(translate(halves, tmp_path))]
    child = subprocess.run(command, capture_output=True, text=True, timeout=CHILD_SECONDS, check=False)
    assert (child.returncode, child.stdout) == (0, "True\n"), child.stderr


def test_numbers_stay_float32_whatever_the_cpu_offers(tmp_path: Path) -> None:
    halves = make_bundle(Halves(), tmp_path)
    compiled = Compiled(halves, translate(halves, tmp_path), streams=1, threads=1).model
    assert compiled.get_property("INFERENCE_PRECISION_HINT").to_string() == "f32"


def test_what_it_cannot_read_is_refused(tmp_path: Path) -> None:
    halves, broken = make_bundle(Halves(), tmp_path), tmp_path / "broken.tflite"
    broken.write_bytes(translate(halves, tmp_path).read_bytes()[:100])
    with pytest.raises(
        ConversionError, match=r"halves/1 does not load in OpenVINO: .*the model file .* is corrupted"
    ):
        Compiled(halves, broken, 1, 1)


def test_an_output_that_the_translation_has_lost_is_refused_and_litert_runs_the_model(tmp_path: Path) -> None:
    class Same(Halves):
        """One tensor is two outputs, which LiteRT's form names only once."""

        @tf.function(input_signature=PHOTOS)  # type: ignore[untyped-decorator] # TensorFlow ships no types
        def score(self, photos: Any) -> dict[str, Any]:
            score = tf.reduce_mean(tf.cast(photos, tf.float32), axis=[1, 2, 3])
            return {"a": score, "b": score}

    folder = save_bundle(
        Same(), tmp_path / "m" / "1", name="m", outputs={"score": "a", "food_probability": "b"}
    )
    with (folder / "1" / "bundle.toml").open("a") as manifest:
        manifest.write("\n[food]\nthreshold = 0.5\n")
    found = bundle.read(str(folder))
    path = translate(found, tmp_path)
    with pytest.raises(ConversionError, match="does not load in OpenVINO: an output is missing"):
        OpenVINO().replicas([(found, path)], 1, 1, 1, lambda: None)
    InterpretedModel(found, path, 1, threads=1)


def test_demanding_it_where_it_is_not_installed_is_a_wrong_configuration(tmp_path: Path) -> None:
    engines = Installed(litert="1")
    with pytest.raises(ConfigurationError, match=r"OpenVINO is not installed: .*\[openvino\]"):
        make_loader(tmp_path, engines, "openvino").load([make_bundle(Halves(), tmp_path)])
    assert not engines.jobs, "it is refused before anything takes time"


def test_one_that_cannot_be_imported_leaves_the_race_to_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "worker.adapters.openvino.runtime", None)  # as if a library were missing
    halves = make_bundle(Halves(), tmp_path)
    log = io.StringIO()
    set_up_logs("json", "info", log)
    make_loader(tmp_path, InProcess()).load([halves])
    (chosen,) = [line for line in map(json.loads, log.getvalue().splitlines()) if "reason" in line]
    assert chosen["engine"] in {"tensorflow", "litert"}
    assert "OpenVINO cannot be imported" in chosen["reason"]
    with pytest.raises(ConfigurationError, match="OpenVINO cannot be imported"):
        make_loader(tmp_path, InProcess(), "openvino").load([halves])


def test_the_race_has_it_where_it_is_installed_and_its_verdict_is_for_that_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def race(teams: Any, *_: object) -> list[float]:
        return [10.0, 20.0, 30.0][: len(teams)]

    monkeypatch.setattr(engine_trial, "race", race)
    halves = make_bundle(Halves(), tmp_path)
    log = io.StringIO()
    set_up_logs("json", "info", log)

    def load(**versions: str) -> tuple[type, int]:
        engines = Installed(**versions)
        ((model,),) = make_loader(tmp_path, engines).load([halves])
        return type(model), len(engines.jobs)

    assert load(litert="1") == (InterpretedModel, 1)
    assert load(litert="1", openvino="1") == (StreamedModel, 1)
    assert load(litert="1", openvino="1") == (StreamedModel, 0)
    assert load(litert="1", openvino="2") == (StreamedModel, 1)
    assert load(litert="1") == (InterpretedModel, 0)
    chosen = [
        line for line in map(json.loads, log.getvalue().splitlines()) if line["event"] == "engine_chosen"
    ]
    assert chosen[1]["openvino_photos_per_s"] == 30.0
    assert chosen[1]["openvino_difference"] <= chosen[1]["tolerance"]


def test_a_race_that_it_cannot_join_says_why_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ConversionError("m/1 does not load in OpenVINO: no such operation")

    monkeypatch.setattr(OpenVINO, "replicas", refuse)
    log = io.StringIO()
    set_up_logs("json", "info", log)
    make_loader(tmp_path, InProcess()).load([make_bundle(Halves(), tmp_path)])
    (chosen,) = [
        line for line in map(json.loads, log.getvalue().splitlines()) if line["event"] == "engine_chosen"
    ]
    assert chosen["reason"] == "m/1 does not load in OpenVINO: no such operation"
    assert chosen["litert_photos_per_s"] > 0
    assert "openvino_photos_per_s" not in chosen


def test_without_tensorflow_litert_runs_the_model_unless_the_setting_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    halves = make_bundle(Halves(), tmp_path)
    make_loader(tmp_path, InProcess(), "litert").load([halves])  # keeps a translation
    version = InProcess().tensorflow_version
    (kept,) = (tmp_path / "cache" / "_engines" / "translations" / "halves").iterdir()
    kept.rename(halves.path / "translation")
    assert version
    monkeypatch.setattr(InProcess, "tensorflow_version", None)
    for engine, kind in (("auto", InterpretedModel), ("openvino", StreamedModel)):
        engines = InProcess()
        ((model,),) = make_loader(tmp_path, engines, engine).load([halves])
        assert type(model) is kind
        assert not engines.jobs
