"""The simulated accelerator: its arithmetic, and the worker's stages around it."""

import io
import threading
import time

import numpy as np
import pytest
from PIL import Image

from bench.accelerator import device, feeding, profiles
from bench.memory.queues import EndlessQueue
from bench.memory.stages import assemble
from bench.memory.stores import CountingStore, MemoryPhotos
from tests.support.fakes import InlineDecoder, score_bundle
from tests.support.waiting import eventually
from worker import settings
from worker.pipeline.service_times import ServiceTimes


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
