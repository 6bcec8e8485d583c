"""The servers that take photos by HTTP: the worker, alone and with a queue and Redis, and its rivals."""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import urllib3

from bench.door.wires import Wire
from bench.processes import PEERS, ROOT, BenchError
from bench.rig import BenchRig
from bench.rivals.contestants import Processes
from localstack.services import HOST, free_port
from localstack.worker_process import ChildProcess, WorkerProcess

START, STOP = 180.0, 30.0  # seconds
LOOK = 0.2  # seconds between two looks whether a server is ready
REQUEST = 60.0  # seconds
MOST = 128  # photos in work at the door: twice the most clients, for no rival refuses any
OTHER = "both-ways"  # queue and bucket of the worker that has both ways
BUSY = (429, 503)


class Server(Processes):
    """A running server; it takes photos at `port` as `wire` says."""

    def __init__(self, name: str, wire: Wire, port: int, process: ChildProcess) -> None:
        super().__init__(process)
        self.name, self.wire, self.port = name, wire, port

    def score(self, photo: bytes) -> int | None:
        """Send a photo; return its score, or None if the server is not ready. Raises BenchError."""
        head, _, body = self.wire.request(photo).partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines()[1:])
        url = f"http://{HOST}:{self.port}{self.wire.path}"
        try:
            answer = urllib3.request("POST", url, body=body, headers=headers, timeout=REQUEST, retries=False)
        except urllib3.exceptions.HTTPError:
            return None
        if answer.status in BUSY:
            return None
        if answer.status != 200:
            raise BenchError(f"{self.name} answered {answer.status}: {answer.data[:200]!r}")
        return read_score(answer.data)

    def wait_until_ready(self, photo: bytes) -> None:
        """Wait for the first score. Raises BenchError."""
        (process,) = self.processes
        deadline = time.monotonic() + START
        while self.score(photo) is None:
            if process.has_ended() or time.monotonic() > deadline:
                raise BenchError(f"{self.name} does not answer; {process.tail()}")
            time.sleep(LOOK)


@dataclass(frozen=True, slots=True)
class Rival:
    """A server by others: its package, a label, its module here, and how it wants photos."""

    name: str
    label: str
    module: str
    wire: Wire


RIVALS = (
    Rival("mosec", "Mosec", "batch_server", Wire("/inference")),
    Rival("litserve", "LitServe", "lit_server", Wire("/predict", in_form=True)),
    Rival("flask", "Flask with a lock", "flask_server", Wire("/score")),
)
DOOR, BOTH = "door", "both"
LABELS = {
    DOOR: "the door, answers only",
    BOTH: "the door, with Redis",
    **{rival.name: rival.label for rival in RIVALS},
}
WIRE = Wire("/images")  # of the door


def versions() -> dict[str, str]:
    """Read the versions of the rivals' packages, by the rivals' names."""
    found = metadata.distributions(path=[str(PEERS), *sys.path])
    packages = {package.name.lower(): package.version for package in found}
    return {rival.name: packages[rival.name] for rival in RIVALS}


def read_score(body: bytes) -> int:
    """Read the score of an answer, of whichever server."""
    answer: Any = json.loads(body)
    return int(answer["score"] if isinstance(answer, Mapping) else answer)


@contextmanager
def start_servers(rig: BenchRig, folder: Path, photo: bytes) -> Iterator[dict[str, Server]]:
    """Start all of LABELS, wait until each has scored the photo, stop all at the end. Raises BenchError."""
    if not (PEERS / "litserve").is_dir():
        raise BenchError(f"{PEERS.relative_to(ROOT)}/litserve is missing: `make bench` downloads it")
    with ExitStack() as stack:
        started = [_start_door(folder, stack), _start_both_ways(rig, folder, stack)]
        started += [_start_rival(rival, folder, stack) for rival in RIVALS]
        for server in started:
            server.wait_until_ready(photo)
        yield {server.name: server for server in started}


def _start_door(folder: Path, stack: ExitStack) -> Server:
    """Start a worker without any service: it does what its rivals do, and keeps nothing."""
    services = ("WORKER_QUEUE_URL", "WORKER_BUCKETS", "WORKER_REDIS_URL")
    bare = {name: value for name, value in os.environ.items() if name not in services}
    return _start_worker(DOOR, folder, bare, stack)


def _start_both_ways(rig: BenchRig, folder: Path, stack: ExitStack) -> Server:
    own = {"WORKER_QUEUE_URL": rig.create_queue(OTHER), "WORKER_BUCKETS": OTHER}
    return _start_worker(BOTH, folder, {**os.environ, **own}, stack)


def _start_worker(name: str, folder: Path, environment: Mapping[str, str], stack: ExitStack) -> Server:
    port = free_port()
    changed = {"WORKER_DOOR_PORT": str(port), "WORKER_DOOR_MOST": str(MOST)}
    process = WorkerProcess(folder / f"{name}.log", environment={**environment, **changed})
    stack.callback(process.stop, STOP)
    return Server(name, WIRE, port, process)


def _start_rival(rival: Rival, folder: Path, stack: ExitStack) -> Server:
    port = free_port()
    mosec = {"PATH": str(folder / rival.name), "ADDRESS": HOST, "PORT": str(port)}
    mosec |= {"TIMEOUT": str(int(REQUEST * 1000)), "LOG_LEVEL": "warning"}
    environment = {**os.environ, **{f"MOSEC_{name}": value for name, value in mosec.items()}}
    process = ChildProcess(
        folder / f"{rival.name}.log",
        *("-m", f"bench.rivals.{rival.module}", str(port)),
        environment={**environment, "PYTHONPATH": str(PEERS)},
    )
    stack.callback(process.stop, STOP)
    return Server(rival.name, rival.wire, port, process)
