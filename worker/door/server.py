"""uvicorn in a thread of its own."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from worker.errors import ConfigurationError
from worker.settings import Settings
from worker.telemetry.counters import Telemetry


class Server:
    """Serves an application. `start` once, then `stop`."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        telemetry: Telemetry,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._port = settings.door_port
        self._clock = clock
        self._telemetry = telemetry
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=int(settings.door_keep_alive),
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="door-server", daemon=True)
        self._socket: socket.socket | None = None

    def start(self) -> None:
        """Listen. Raises ConfigurationError if the port is taken."""
        try:
            self._socket = socket.create_server(("0.0.0.0", self._port), backlog=1024)  # noqa: S104 - a load balancer must reach it
        except OSError as error:
            raise ConfigurationError(
                f"WORKER_DOOR_PORT: {self._port} cannot be listened on: {error}"
            ) from None
        self._thread.start()

    def close_idle(self) -> None:
        """Close connections that wait for nothing."""

    def stop(self, timeout: float) -> None:
        """Answer what was asked and end, within `timeout` seconds."""
        self._server.should_exit = True
        self._thread.join(timeout)

    def age(self) -> float:
        """Seconds since the loop last ran."""
        return 0.0

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket] if self._socket else None))
