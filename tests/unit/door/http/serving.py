"""A small ASGI app on the door's server, and what became of its requests."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Receive, Scope, Send

from tests.support.raw_http import RawClient
from worker.door.http.server import Server
from worker.settings.door import DoorSettings
from worker.telemetry.counters import Telemetry

QUICK = 0.3  # seconds that clients have in these tests; far below the bounds of the setting


class SmallApp:
    """What it does is the request's path."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.bodies: list[bytes] = []
        self.largest_part = 0  # bytes of a body that came at once
        self.gate = threading.Event()  # opened by the test
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        self.seen[scope["path"]] += 1
        match scope["path"]:
            case "/refuse":
                await answer(send, 429, b"no")
            case "/read":
                self.bodies.append(await self._read(receive))
                await answer(send, 200, b"%d" % len(self.bodies[-1]))
            case "/wait":
                await self._wait(receive, send)
            case "/stream":
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b"first", "more_body": True})
                await asyncio.Event().wait()
            case "/large":
                await answer(send, 200, bytes(30_000_000))
            case "/hang":
                self.gate.wait(20)
                await answer(send, 200, b"late")
            case "/broken":
                raise ValueError("a bug")
            case _:
                await answer(send, 200, b"ok")

    async def _read(self, receive: Receive) -> bytes:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.seen["gone"] += 1
                raise asyncio.CancelledError
            body += message["body"]
            self.largest_part = max(self.largest_part, len(message["body"]))
            more = message["more_body"]
        return body

    async def _wait(self, receive: Receive, send: Send) -> None:
        """Answer once the gate is open, unless the client goes first."""
        await receive()
        gone = asyncio.ensure_future(receive())
        await asyncio.sleep(0)  # it listens now
        self.seen["waiting"] += 1
        while not self.gate.is_set() and not gone.done():
            await asyncio.wait([gone], timeout=0.02)
        if gone.done():
            self.seen["gone"] += 1
        else:
            gone.cancel()
            await answer(send, 200, b"at last")


async def answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Serving:
    """A server that runs, its app, and clients of it."""

    def __init__(self, **settings: object) -> None:
        chosen = {"door_body_timeout": QUICK, "door_keep_alive": 20.0, **settings}
        self.app, self.telemetry = SmallApp(), Telemetry()
        self.server = Server(
            self.app, DoorSettings.model_construct(None, **chosen), self.telemetry, time.monotonic
        )
        self.clients: list[RawClient] = []

    def client(self) -> RawClient:
        self.clients.append(RawClient(self.server.port))
        return self.clients[-1]

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Let the server's loop do nothing meanwhile: what clients send lies there unread."""
        hangs, end = threading.Event(), threading.Event()
        assert self.server.loop

        def hang() -> None:
            hangs.set()
            end.wait(20)

        self.server.loop.call_soon_threadsafe(hang)
        assert hangs.wait(20)
        try:
            yield
        finally:
            end.set()

    @property
    def counts(self) -> dict[str, int]:
        return self.telemetry.counts


@contextmanager
def serving(**settings: object) -> Iterator[Serving]:
    """Serve the small app until the end of a test."""
    made = Serving(**settings)
    made.server.start()
    try:
        yield made
    finally:
        made.app.gate.set()
        for client in made.clients:
            client.close()
        made.server.stop(1)
