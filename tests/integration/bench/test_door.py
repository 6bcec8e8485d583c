"""A load by HTTP on a real worker's door, as the bench sends it."""

import os
from pathlib import Path

from bench.door.race import run_load
from bench.door.servers import DOOR, WIRE, Server
from bench.photos import jpegs
from bench.processes import Conversation
from localstack.services import free_port
from localstack.worker_process import WorkerProcess

LOADS = ({"clients": 4, "seconds": 1.0}, {"moments": [0.0, 0.1, 0.2]})


def test_every_photo_of_a_load_is_scored(reference_model: Path, tmp_path: Path) -> None:
    port = free_port()
    environment = {
        "WORKER_MODEL": str(reference_model),
        "WORKER_ENGINE": "tensorflow",
        "WORKER_BATCH_SIZE": "4",
        "WORKER_DOOR_PORT": str(port),
        "PATH": os.environ["PATH"],
    }
    process = WorkerProcess(tmp_path / "worker.log", environment=environment)
    try:
        server = Server(DOOR, WIRE, port, process)
        server.wait_until_ready(jpegs("small")[0])
        server.freeze()  # as while others have their turn
        server.thaw()
        with Conversation(tmp_path / "client.log", "bench.door.load_client") as client:
            closed, at_moments = (run_load(client, server, load) for load in LOADS)
    finally:
        process.stop()
    assert closed["photos"] >= 4
    assert closed["per_s"] > 0
    assert at_moments["photos"] == 3
    assert closed["refused"] == at_moments["refused"] == 0
    assert min(closed["cpu_ms"], closed["memory_mb"], closed["p50_ms"]) > 0
