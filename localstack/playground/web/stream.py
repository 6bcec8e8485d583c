"""GET /events: all viewers see the same (server-sent events; WHATWG HTML, 9.2). Belongs to one event loop."""

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from starlette.types import Receive, Scope, Send

from worker.door.page.page import SAFE
from worker.door.page.viewers import RETRY

MOST = 8  # viewers at a time
MOST_WAITING = 4_000  # events that wait for one viewer, of as many things
SILENCE = 2.0  # seconds without an event, after which a viewer hears that we are there
PATIENCE = 10.0  # seconds in which a viewer must have read what was sent
HEADERS = {**SAFE, "Content-Type": "text/event-stream"}


class Event(NamedTuple):
    """What has changed. A newer event takes the place of an older one with the same `key`."""

    key: str
    text: bytes

    @classmethod
    def of(cls, name: str, data: Any, key: str = "") -> "Event":
        """Write an event; its key is its name, unless another is given."""
        return cls(key or name, f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())


class Stream:
    """Who watches."""

    def __init__(
        self,
        greeting: Callable[[], Iterable[Event]],
        beat: Callable[[], Event],
        *,
        silence: float = SILENCE,
        patience: float = PATIENCE,
    ) -> None:
        """`greeting`: from it a new viewer learns how things are. `beat`: said when there is nothing else to say."""
        self._greeting = greeting
        self._beat = beat
        self._silence = silence
        self._patience = patience
        self._viewers = set[Viewer]()
        self._watched = asyncio.Event()
        self._has_ended = False

    @property
    def is_full(self) -> bool:
        """Whether there are as many viewers as there may be."""
        return len(self._viewers) >= MOST

    @property
    def is_watched(self) -> bool:
        """Whether there is any."""
        return bool(self._viewers)

    async def until_watched(self) -> None:
        """Wait for a viewer."""
        await self._watched.wait()

    def publish(self, event: Event) -> None:
        """Tell all viewers."""
        for viewer in self._viewers:
            viewer.put(event)

    def end(self) -> None:
        """Send the viewers away, now and from now on."""
        self._has_ended = True
        for viewer in self._viewers:
            viewer.end()

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - of any ASGI app
        """Answer a request with the events, until the viewer goes away or does not read."""
        viewer = Viewer()
        gone = asyncio.ensure_future(_until_gone(receive))
        gone.add_done_callback(lambda _: viewer.end())
        self._enter(viewer)
        try:
            await self._send(viewer, send)
        except TimeoutError:
            pass  # its connection is cut: the answer has no end
        finally:
            self._viewers.discard(viewer)
            if not self._viewers:
                self._watched.clear()
            gone.cancel()

    def _enter(self, viewer: "Viewer") -> None:
        for event in self._greeting():
            viewer.put(event)
        if self._has_ended:
            viewer.end()
        self._viewers.add(viewer)
        self._watched.set()

    async def _send(self, viewer: "Viewer", send: Send) -> None:
        headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        text = RETRY
        while text:
            async with asyncio.timeout(self._patience):
                await send({"type": "http.response.body", "body": text, "more_body": True})
            text = await self._next(viewer)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _next(self, viewer: "Viewer") -> bytes:
        try:
            async with asyncio.timeout(self._silence):
                return await viewer.take()
        except TimeoutError:
            return self._beat().text


class Viewer:
    """What one viewer has not read yet: of each thing the newest."""

    def __init__(self) -> None:
        self._waiting = dict[str, bytes]()
        self._has_news = asyncio.Event()
        self._has_ended = False

    def put(self, event: Event) -> None:
        """Add an event. A viewer who has left too much unread is sent away."""
        self._waiting[event.key] = event.text
        if len(self._waiting) > MOST_WAITING:
            self.end()
        self._has_news.set()

    def end(self) -> None:
        """Let the viewer go."""
        self._has_ended = True
        self._waiting.clear()
        self._has_news.set()

    async def take(self) -> bytes:
        """Wait for events; empty at the end."""
        await self._has_news.wait()
        self._has_news.clear()
        waiting, self._waiting = self._waiting, {}
        return b"" if self._has_ended else b"".join(waiting.values())


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
