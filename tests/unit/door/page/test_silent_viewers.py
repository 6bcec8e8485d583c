"""Viewers who read nothing, on real sockets: they are let go, and little is kept for them meanwhile."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.door_pages import app, page
from tests.support.raw_http import RawClient
from tests.support.waiting import eventually
from worker.door.door import ENDING
from worker.door.http.server import STOPPING, UNREAD, Server
from worker.door.page import viewers
from worker.door.page.page import Page
from worker.door.page.viewers import MOST, Viewers
from worker.settings.door import DoorSettings
from worker.telemetry.counters import Telemetry

QUICK = 0.3  # seconds that clients have
LARGE = 20_000  # bytes of a frame
SMALLEST = 4096  # bytes that the kernel keeps for a client of these tests
REQUEST = b"GET /events HTTP/1.1\r\nHost: door\r\n\r\n"


class Shown:
    """A page on a server, and how many frames were made for it."""

    def __init__(self, patience: float = QUICK) -> None:
        self.page: Page = page()
        self.page.viewers = Viewers(self.frame, lambda _: None)
        self.made = 0
        settings = DoorSettings.model_construct(None, door_body_timeout=patience)
        self.telemetry = Telemetry()
        self.server = Server(app(shown=self.page), settings, self.telemetry, time.monotonic)

    def frame(self) -> dict[str, str]:
        self.made += 1
        return {"text": "x" * LARGE}

    @property
    def watching(self) -> int:
        return self.page.viewers._watching

    def unread(self) -> int:
        """Bytes that the server's own process keeps for its clients. Only its loop may count them."""
        assert self.server.loop
        return asyncio.run_coroutine_threadsafe(self._unread(), self.server.loop).result(10)

    async def _unread(self) -> int:
        state = self.server._uvicorn.server_state
        return sum(one.transport._transport.get_write_buffer_size() for one in state.connections)  # type: ignore[attr-defined]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shown]:
    monkeypatch.setattr(viewers, "FRAME", 0.002)
    made = Shown()
    made.server.start()
    yield made
    made.page.viewers.end()
    made.server.stop(1)


def silent(port: int) -> socket.socket:
    """One who asks for the stream and reads nothing of it."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALLEST)
    client.connect(("127.0.0.1", port))
    client.sendall(REQUEST)
    return client


def test_one_who_reads_nothing_leaves_its_place_to_others(shown: Shown) -> None:
    with ExitStack() as clients:
        for _ in range(MOST):
            clients.enter_context(silent(shown.server.port))
        eventually(lambda: shown.watching == MOST)
        refused = clients.enter_context(RawClient(shown.server.port)).get("/events")
        assert refused.status == 429
        eventually(lambda: shown.watching == 0)
        asked = clients.enter_context(RawClient(shown.server.port))
        asked.send(REQUEST)
        eventually(lambda: shown.watching == 1)


def test_little_is_kept_for_one_who_reads_nothing(shown: Shown) -> None:
    most = 0
    with silent(shown.server.port):
        eventually(lambda: shown.watching == 1)
        while shown.watching:
            most = max(most, shown.unread())
        made = shown.made
    assert most <= LARGE + 200  # one frame that the kernel did not take
    assert made > 2 * UNREAD / LARGE  # many more were made meanwhile


def test_one_who_reads_keeps_its_place(shown: Shown) -> None:
    with RawClient(shown.server.port) as client, silent(shown.server.port):
        client.send(REQUEST)
        eventually(lambda: shown.watching == 2)
        begun = shown.made

        def read() -> bool:
            client._until(b"\n\n")
            return shown.watching == 1 and shown.made > begun + 200

        eventually(read)
        assert client._until(b"\n\n")


def test_the_kernel_keeps_little_for_a_client(shown: Shown) -> None:
    with RawClient(shown.server.port) as client:
        client.get("/")
        (connection,) = shown.server._uvicorn.server_state.connections
        mine = connection.transport.get_extra_info("socket")
        assert mine.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * UNREAD  # the kernel doubles it


def test_a_stop_waits_for_no_viewer_who_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewers, "FRAME", 0.002)
    shown = Shown(patience=300.0)
    shown.server.start()
    with silent(shown.server.port):
        eventually(lambda: shown.unread() > 0)  # the kernel takes no more
        begun = time.monotonic()
        shown.page.viewers.end()
        shown.server.stop(ENDING)
        assert time.monotonic() - begun < ENDING + STOPPING
        assert not shown.server._thread.is_alive()
