"""The worker's own page when the worker is killed, starts again, or stops; and behind its token."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localstack.services import HOST
from localstack.worker_process import WorkerProcess
from tests.browser.visit import OpenPage
from tests.support.doors import DoorClient, door_client, workers_alone

TOKEN = "open-sesame-open-sesame-open-sesame"
MORE = 1.0  # seconds that open pages may add to a stop
TRIES = 3  # the machine may do something else during one of them
Start = Callable[[], WorkerProcess]


@pytest.fixture
def client() -> Iterator[DoorClient]:
    with door_client() as made:
        yield made


@pytest.fixture
def start(client: DoorClient, reference_model: Path, tmp_path: Path) -> Iterator[Start]:
    """How to start a worker with a page behind a token, and no service at all; again at the same port."""
    # LiteRT starts soonest.
    settings = {"WORKER_ENGINE": "litert", "WORKER_DOOR_PAGE": "view", "WORKER_DOOR_TOKENS": TOKEN}
    with workers_alone(client.port, reference_model, tmp_path, **settings) as start_worker:

        def start_and_wait() -> WorkerProcess:
            process = start_worker()
            client.wait_until_ready()
            return process

        yield start_and_wait


def test_it_tells_of_a_killed_worker_and_finds_the_next(
    client: DoorClient, start: Start, visit: OpenPage
) -> None:
    without = seconds_to_stop(start())
    worker = start()
    url = f"http://{HOST}:{client.port}/"
    stranger = visit(url)
    assert stranger.page.title() != "Photo scoring, live"
    pages = [visit(url, password=TOKEN) for _ in range(2)]
    for page in pages:
        page.wait_until_connected()
        assert page.complaints == page.elsewhere == []
    worker.kill()
    for page in pages:
        page.page.locator("#connection", has_text="away").wait_for()
    took = list[float]()
    while not took or (min(took) > without + MORE and len(took) < TRIES):
        worker = start()
        for page in pages:
            page.wait_until_connected()
            page.frames(2)
        took.append(seconds_to_stop(worker))
    assert min(took) <= without + MORE, took


def seconds_to_stop(worker: WorkerProcess) -> float:
    begun = time.monotonic()
    worker.ask_to_stop(signal.SIGTERM)
    assert worker.wait() == 0, worker.tail()
    return time.monotonic() - begun
