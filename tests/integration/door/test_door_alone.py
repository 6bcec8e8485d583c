"""A worker with a door, and neither queue nor bucket nor Redis, as a process."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from localstack.worker_process import WorkerProcess
from tests.support import photos
from tests.support.doors import DoorClient, door_client
from tests.support.waiting import eventually


@pytest.fixture
def client() -> Iterator[DoorClient]:
    with door_client() as made:
        yield made


@pytest.fixture
def worker(client: DoorClient, reference_model: Path, tmp_path: Path) -> Iterator[WorkerProcess]:
    """A worker with no service at all."""
    environment = {
        "WORKER_MODEL": str(reference_model),
        "WORKER_ENGINE": "tensorflow",
        "WORKER_BATCH_SIZE": "4",
        "WORKER_DOOR_PORT": str(client.port),
        "TF_USE_LEGACY_KERAS": "1",
        "PATH": "/usr/bin:/bin",
    }
    process = WorkerProcess(tmp_path / "worker.log", environment=environment)
    yield process
    process.stop()


def test_it_scores_photos_and_stops_in_order(client: DoorClient, worker: WorkerProcess) -> None:
    client.wait_until_ready()
    answer = client.post("/images", content=photos.coffee())
    assert (answer.status_code, answer.json()["status"]) == (200, "scored")
    missing = client.get(f"/images/{answer.json()['image_id']}")
    assert (missing.status_code, missing.json()["code"]) == (404, "no_store")
    eventually(lambda: 'photos_total{outcome="scored"} 1.0' in client.get("/metrics").text)  # just after it
    assert worker.health() == (0, "idle")
    worker.ask_to_stop(signal.SIGTERM)
    assert worker.wait() == 0, worker.tail()
    assert worker.events()[-1]["counts"]["photos_scored"] == 1


def test_it_refuses_photos_until_the_model_is_warm(client: DoorClient, worker: WorkerProcess) -> None:
    worker.wait_for("warming_up")
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code == 503
    refused = client.post("/images", content=photos.coffee())
    assert (refused.status_code, refused.json()["code"]) == (503, "starting")
    client.wait_until_ready()
    assert client.post("/images", content=photos.coffee()).status_code == 200
