"""A worker with a door, and neither queue nor bucket nor Redis, as a process."""

import json
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from localstack.services import HOST
from localstack.worker_process import START, WorkerProcess
from tests.support import photos
from tests.support.doors import DoorClient, door_client, workers_alone
from tests.support.waiting import eventually

Start = Callable[..., WorkerProcess]


@pytest.fixture
def client() -> Iterator[DoorClient]:
    with door_client() as made:
        yield made


@pytest.fixture
def start(client: DoorClient, reference_model: Path, tmp_path: Path) -> Iterator[Start]:
    """How to start a worker with no service at all."""
    settings = {"WORKER_ENGINE": "tensorflow", "WORKER_BATCH_SIZE": "4"}
    with workers_alone(client.port, reference_model, tmp_path, **settings) as start_worker:
        yield start_worker


@pytest.fixture
def worker(start: Start) -> WorkerProcess:
    """A worker with no service at all."""
    return start()


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


def test_one_that_is_not_ready_yet_stops_with_0(client: DoorClient, worker: WorkerProcess) -> None:
    worker.wait_for("warming_up")
    assert client.get("/livez").status_code == 200
    worker.ask_to_stop()
    assert worker.wait() == 0, worker.tail()


def test_a_port_that_is_taken_is_reported_in_one_line(client: DoorClient, start: Start) -> None:
    with socket.create_server((HOST, client.port)):
        worker = start()
        assert worker.wait() == 2
    (line,) = [line for line in worker.output().splitlines() if line.startswith("worker: ")]
    assert f"WORKER_DOOR_PORT: cannot listen on {client.port}" in line


def test_a_prefix_that_leads_nowhere_is_reported(start: Start) -> None:
    worker = start(WORKER_DOOR_BUCKET="photos", WORKER_DOOR_PREFIX="photo-")
    assert worker.wait() == 2
    assert "WORKER_DOOR_PREFIX is 'photo-'" in worker.output()


def frames(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """What a stream of the page tells."""
    return (json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: "))


def test_its_page_shows_a_photo_from_its_arrival_to_its_score(client: DoorClient, start: Start) -> None:
    start(WORKER_DOOR_PAGE="view")
    eventually(lambda: client.is_listening, patience=START)
    assert 'src="page/main.js"' in client.get("/").text
    with client.stream("GET", "/events") as stream:
        seen = frames(stream.iter_lines())
        assert next(seen)["phase"] == "starting"
        client.wait_until_ready()
        image_id = client.post("/images", content=photos.coffee()).json()["image_id"]
        moves = list[Any]()
        frame = dict[str, Any]()
        while not moves or moves[-1][2] != "scored":
            frame = next(seen)
            moves += frame["moves"]
            assert image_id not in json.dumps(frame)
    steps = [move[2] for move in moves]
    assert steps == ["arrived", "fetch", "decode", "ready", "infer", "commit", "scored"]
    assert frame["phase"] == "open"
    assert frame["counts"]["scored"] == 1
    assert frame["ways"]["http"]["p50"] == pytest.approx(moves[-1][4]["ms"], abs=1)


def test_open_pages_do_not_hold_up_a_stop(client: DoorClient, start: Start) -> None:
    worker = start(WORKER_DOOR_PAGE="view")
    client.wait_until_ready()
    with ExitStack() as open_pages:
        streams = [open_pages.enter_context(client.stream("GET", "/events")) for _ in range(3)]
        seen = [frames(stream.iter_lines()) for stream in streams]
        assert [next(one)["phase"] for one in seen] == ["open"] * 3
        worker.ask_to_stop()
        for one in seen:  # each stream ends in order
            list(one)
    assert worker.wait() == 0, worker.tail()
    assert "cut_off" not in worker.counts()
