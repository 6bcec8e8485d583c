"""The worker's frames reach the viewers as they are, also those of the next worker, and nobody is asked in vain."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import httpx
import pytest

from localstack.playground.web import relay as module
from localstack.playground.web.relay import MOST, relay
from localstack.playground.web.stream import Event, Stream
from tests.support.waiting import PATIENCE
from tests.unit.playground.watching import Connection


class Pieces(httpx.AsyncByteStream):
    """A body in pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece


class Worker:
    """Answers each request with the next of these bodies, and is away in between and after them."""

    def __init__(self, *bodies: Pieces) -> None:
        self.bodies = list(bodies)
        self.asked = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.url == "http://door/events"
        self.asked += 1
        if self.asked % 2 or not self.bodies:
            raise httpx.ConnectError("it is away")
        return httpx.Response(200, stream=self.bodies.pop(0))


Scenario = Callable[[Stream], Coroutine[Any, Any, None]]


@pytest.fixture
def relayed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Worker, Scenario], None]:
    """Run a scenario beside a relay that does not pause."""
    monkeypatch.setattr(module, "PAUSE", 0.0)

    def run(worker: Worker, scenario: Scenario) -> None:
        async def bounded() -> None:
            stream = Stream(list, lambda: Event.of("beat", 0))
            relays = asyncio.create_task(relay(stream, "http://door", httpx.MockTransport(worker)))
            async with asyncio.timeout(PATIENCE):
                await scenario(stream)
            stream.end()
            relays.cancel()
            await asyncio.gather(relays, return_exceptions=True)

        asyncio.run(bounded())

    return run


def test_frames_come_through_whole_from_one_worker_after_another(
    relayed: Callable[[Worker, Scenario], None],
) -> None:
    frames = [b'event: pipeline\ndata: {"worker":"%d"}\n\n' % number for number in range(2)]
    first = Pieces(
        b"retry: 1000\n\nevent: pipe", frames[0][11:20], frames[0][20:] + b"event: other\ndata: 1\n\n"
    )

    async def scenario(stream: Stream) -> None:
        viewer = Connection(stream)
        for frame in frames:
            await viewer.sees(frame)
        assert b"other" not in viewer.text

    relayed(Worker(first, Pieces(frames[1])), scenario)


def test_an_event_without_an_end_is_given_up(relayed: Callable[[Worker, Scenario], None]) -> None:
    frame = b"event: pipeline\ndata: {}\n\n"
    flood = Pieces(*[b"x" * MOST] * 3, frame)  # the frame comes too late

    async def scenario(stream: Stream) -> None:
        viewer = Connection(stream)
        await viewer.sees(b"next")
        assert frame not in viewer.text

    relayed(Worker(flood, Pieces(b"event: pipeline\ndata: next\n\n")), scenario)


def test_nobody_is_asked_while_nobody_watches(relayed: Callable[[Worker, Scenario], None]) -> None:
    worker = Worker()

    async def scenario(_: Stream) -> None:
        for _turn in range(10):
            await asyncio.sleep(0)
        assert not worker.asked

    relayed(worker, scenario)
