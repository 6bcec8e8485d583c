"""Runs an ASGI app on uvicorn, in a thread of its own."""

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from worker.door.http.bugs import Bugs
from worker.door.http.cap import Cap
from worker.door.http.connection import Limits
from worker.door.http.cors import let_pages_send
from worker.door.http.protocol import Protocol
from worker.errors import ConfigurationError
from worker.settings.door import DoorSettings
from worker.telemetry.counters import Telemetry

AT_ONCE = 32  # connections that asyncio accepts in one go: they are open before the cap can close others
EVERYWHERE = "0.0.0.0"  # noqa: S104 - others are to reach the door
WAITING = 2048  # connections that the kernel has made and that wait to be accepted
UNREAD = 65_536  # bytes that the kernel keeps for a client that does not read; else megabytes
STARTING = 10.0  # seconds for a thread to come up on a busy machine
MOMENT = 0.1  # seconds in which a client that has had an answer sends the next photo
STOPPING = 0.5  # seconds beyond a stop's time-out for its thread to end


class Server:
    """Listens from `start` to `stop`. All but the app may be called from any thread."""

    def __init__(
        self,
        app: ASGIApp,
        settings: DoorSettings,
        telemetry: Telemetry,
        clock: Callable[[], float],
        host: str = EVERYWHERE,
    ) -> None:
        self._host = host
        self.port = settings.door_port  # 0: any that is free, known once it listens
        self._telemetry = telemetry
        self._limits = Limits(
            Cap(settings.door_connections, self._count),
            settings.door_body_timeout,
            self._count,
            telemetry.refuse,
        )
        config = uvicorn.Config(
            let_pages_send(app, settings.door_origins),
            http=partial(Protocol, self._limits),  # type: ignore[arg-type]  # it is only called
            ws="none",
            loop="asyncio",
            lifespan="off",
            interface="asgi3",
            backlog=AT_ONCE,
            timeout_keep_alive=settings.door_keep_alive,  # type: ignore[arg-type]  # a float works, too
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
        )
        self._uvicorn = _Uvicorn(config, clock)
        self._clock = clock
        self._bugs = Bugs(telemetry, clock)
        self._running = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None  # once it runs
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="door-server", daemon=True)

    def start(self) -> None:
        """Listen. Raises ConfigurationError if the port is taken."""
        try:
            self._socket = socket.create_server((self._host, self.port), backlog=WAITING)
        except OSError as error:
            raise ConfigurationError(f"WORKER_DOOR_PORT: cannot listen on {self.port}: {error}") from None
        # Its connections inherit it. Without, an answer's body waits 40 ms for the client to confirm its head;
        # asyncio sets it only where a socket names its protocol.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNREAD)
        self.port = int(self._socket.getsockname()[1])
        self._thread.start()
        self._running.wait(STARTING)

    def age(self) -> float:
        """Seconds since the loop last ran, by the clock; 0 while it is not to run. Raises what has ended it."""
        if self._error is not None:
            raise self._error
        return self._clock() - self._uvicorn.beat if self._thread.is_alive() else 0.0

    def close_idle(self) -> None:
        """From now on each answer is its connection's last, and connections without a request end."""
        if self.loop:
            with suppress(RuntimeError):  # it has ended, and all connections with it
                self.loop.call_soon_threadsafe(self._close_idle, self.loop)

    def stop(self, timeout: float) -> None:
        """Take no more connections; cut off after `timeout` seconds what has not been answered by then."""
        self._uvicorn.patience = timeout
        self._uvicorn.should_exit = True
        if self._thread.is_alive():
            self._thread.join(timeout + STOPPING)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - `age` raises it in a thread that somebody watches
            self._error = error
        finally:
            self._socket.close()

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._bugs.watch(self.loop)
        self._running.set()
        await self._uvicorn.serve([self._socket])

    def _close_idle(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to. Who has just had an answer may send the next photo: it is told, not reset."""
        self._limits.is_closing = True
        loop.call_later(MOMENT, self._end_waiting)

    def _end_waiting(self) -> None:
        for connection in self._limits.cap.waiting:
            connection.end()

    def _count(self, name: str) -> None:
        self._telemetry.count(f"door_{name}")


class _Uvicorn(uvicorn.Server):
    """Tells when its loop last ran, and ends all that is left within its patience."""

    def __init__(self, config: uvicorn.Config, clock: Callable[[], float]) -> None:
        super().__init__(config)
        self._clock = clock
        self.beat = clock()
        self.patience = 0.0  # seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen. asyncio takes one number for both: how many may wait, and how many it accepts at once."""
        await super().startup(sockets)
        for one in sockets or ():
            one.listen(WAITING)

    async def on_tick(self, counter: int) -> bool:
        """Beat, ten times a second."""
        self.beat = self._clock()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what is under way, then cut off the rest."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.patience):
                await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
