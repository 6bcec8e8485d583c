"""The simulated accelerator: its arithmetic, and the worker's stages around it."""

import io
import threading
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench.accelerator import device, feeding, profiles, simulated_worker
from bench.memory.queues import EndlessQueue
from bench.memory.stages import assemble
from bench.memory.stores import CountingStore, MemoryPhotos
from bench.photos import jpegs
from tests.support.fakes import InlineDecoder, score_bundle
from tests.support.waiting import eventually
from worker import app, settings
from worker.inference.warm_up import seconds_by_size
from worker.pipeline.service_times import ServiceTimes
from worker.telemetry.counters import Telemetry


def test_functions_are_counted_by_stage_without_waiting() -> None:
    stacks = [
        "thread (12): infer;step (worker/a.py:1);score (worker/b.py:2) 30",
        "thread (13): infer-helper-1;help (worker/a.py:9);load (PIL/c.py:3) 5",
        "thread (14): infer-helper-2;help (worker/a.py:9);load (PIL/c.py:3) 5",
        "thread (13): infer-helper-1;help (worker/a.py:9);Condition.wait (threading.py:1) 500",
        "thread (11): MainThread;main (x.py:1) 70",
    ]
    assert profiles.by_function(stacks) == [
        {"stage": "infer", "function": "score", "file": "worker/b.py", "share": 0.75},
        {"stage": "infer-helper", "function": "load", "file": "PIL/c.py", "share": 0.25},
    ]


def test_the_device_takes_2000_photos_a_second_in_batches_of_32() -> None:
    assert 32 / device.service_time(32) == pytest.approx(2000)


def test_the_device_counts_its_time_and_answers_every_photo() -> None:
    simulated = device.SimulatedDevice(score_bundle("m", 8), 4)
    outputs = simulated.predict(np.zeros((3, 8, 8, 3), np.uint8))
    assert {role: rows.shape for role, rows in outputs.items()} == {"score": (3, 1)}
    assert (simulated.calls, simulated.busy) == (1, device.service_time(3))


def test_the_simulated_worker_has_a_device_in_the_place_of_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    used, made = settings.load({"WORKER_MODEL": "m", **feeding.NOTHING}), list[Any]()

    def run(arguments: list[str]) -> int:
        assert arguments == ["run"]
        made.extend(
            vars(app)["ModelLoader"](used, Telemetry(), cores=2).load([score_bundle("m", 8)], lambda: None)
        )
        return 0

    monkeypatch.setattr("worker.cli.main", run)
    assert simulated_worker.main() == 0
    (replica,) = made
    assert [type(one) for one in replica] == [device.SimulatedDevice]
    assert seconds_by_size(replica)[used.batch_size] == device.service_time(used.batch_size)


@pytest.mark.parametrize(
    ("device_busy", "cores_busy", "cores_taken", "mean_batch", "limit"),
    [
        (0.97, 0.5, 0.0, 32, "device"),
        (0.5, 0.95, 0.0, 32, "cores"),
        (0.5, 0.6, 0.35, 32, "others"),
        (0.5, 0.4, 0.0, 31, "model thread"),
        (0.5, 0.4, 0.0, 3, "helpers"),
    ],
)
def test_the_limit_follows_from_the_shares(
    device_busy: float, cores_busy: float, cores_taken: float, mean_batch: float, limit: str
) -> None:
    shares = {"device_busy": device_busy, "cores_busy": cores_busy, "cores_taken": cores_taken}
    assert feeding.limit({**shares, "mean_batch": mean_batch}, 32) == limit


def test_photos_that_are_cheap_to_decode_have_the_bytes_of_small_ones() -> None:
    cheap = feeding.photos_of(feeding.CHEAP)
    assert list(map(len, cheap)) == list(map(len, jpegs("small")))
    assert {Image.open(io.BytesIO(photo)).size for photo in cheap} == {(64, 64)}


def test_the_stages_around_the_device_score_every_photo_and_end() -> None:
    photo, store = io.BytesIO(), CountingStore()
    Image.new("RGB", (16, 16), "red").save(photo, "JPEG")
    used = settings.load({"WORKER_MODEL": "m", **feeding.NOTHING})
    simulated = device.SimulatedDevice(score_bundle("m", 8), used.batch_size)
    decoder = InlineDecoder(simulated.bundle.manifest.input.target)
    photos, replicas = MemoryPhotos([photo.getvalue()]), [(simulated,)] * 2
    assembly, _ = assemble(
        used, EndlessQueue(), photos, store, decoder, replicas=replicas, service_times=ServiceTimes()
    )
    pipeline, threads = assembly.pipeline(), threading.active_count()
    pipeline.start()
    eventually(lambda: store.written >= 100 or pipeline.error is not None, lambda: store.written)
    pipeline.cancel()
    assert pipeline.join(time.monotonic() + 10) == []
    assert pipeline.error is None
    assert store.statuses["failed"] == 0
    assert threading.active_count() == threads
