"""A worker's door as its clients see it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from localstack.services import HOST, free_port
from localstack.worker_process import START, WorkerProcess
from tests.support.waiting import PATIENCE, eventually


class DoorClient(httpx.Client):
    """Sends photos to the door at a port of this machine."""

    def __init__(self, port: int, **options: Any) -> None:
        super().__init__(base_url=f"http://{HOST}:{port}", timeout=PATIENCE, **options)
        self.port = port

    @property
    def is_listening(self) -> bool:
        """Whether anything is answered."""
        try:
            return self.get("/livez").is_success
        except httpx.TransportError:
            return False

    def is_ready(self) -> bool:
        """Whether `/readyz` says so."""
        try:
            return self.get("/readyz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def wait_until_ready(self) -> None:
        """Wait until the models are warm."""
        eventually(self.is_ready, patience=START)


@contextmanager
def door_client(port: int = 0, **options: Any) -> Iterator[DoorClient]:
    """Make a client, by default of a free port."""
    with DoorClient(port or free_port(), **options) as client:
        yield client


@contextmanager
def workers_alone(
    port: int, model: Path, folder: Path, **settings: str
) -> Iterator[Callable[..., WorkerProcess]]:
    """How to start workers with a door at this port and no service at all, one after another.

    `settings` are for all of them; those of a single one are given at its start.
    """
    environment = {
        "WORKER_MODEL": str(model),
        "WORKER_DOOR_PORT": str(port),
        "PATH": "/usr/bin:/bin",
        **settings,
    }
    with ExitStack() as started:

        def start_worker(**more: str) -> WorkerProcess:
            process = WorkerProcess(folder / "worker.log", environment={**environment, **more})
            started.callback(process.stop)
            return process

        yield start_worker
