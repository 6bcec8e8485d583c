"""Asks a playground's app as a browser does, without a socket."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx

from localstack.playground.photos.photo import Photo
from localstack.playground.playground import Playground
from localstack.playground.web.app import make_app
from localstack.playground.web.guard import Guard
from tests.support.fakes import ManualClock
from tests.support.waiting import PATIENCE

ORIGIN = "http://127.0.0.1:8000"
HOSTS = {"127.0.0.1:8000": ORIGIN, "localhost:8000": "http://localhost:8000"}


class Catcher:
    """Takes photos in place of the senders."""

    def __init__(self) -> None:
        self.caught: list[tuple[Photo, bytes]] = []
        self.messages: list[dict[str, str]] = []

    def send(self, photo: Photo, data: Callable[[], bytes]) -> None:
        self.caught.append((photo, data()))

    def send_message(self, photo: Photo, body: dict[str, str]) -> None:
        self.caught.append((photo, b""))
        self.messages.append(body)


class World:
    """A playground whose photos are caught."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.playground = Playground(ManualClock())
        self.catcher = Catcher()
        if is_open:
            self.playground.sending.senders = self.catcher  # type: ignore[assignment]  # all that is asked of them
        self.app = Guard(make_app(self.playground), HOSTS)

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Ask once."""

        async def once(client: httpx.AsyncClient) -> httpx.Response:
            return await client.request(method, path, **options)

        return self.run(once)

    def run(self, ask: Callable[[httpx.AsyncClient], Coroutine[Any, Any, httpx.Response]]) -> httpx.Response:
        """Ask more than once."""

        async def bounded() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with (
                asyncio.timeout(PATIENCE),
                httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client,
            ):
                return await ask(client)

        return asyncio.run(bounded())
