"""Passes the worker's frames on to the viewers, for as long as anybody watches."""

import asyncio

import httpx

from localstack.playground.web.stream import Event, Stream

PAUSE = 0.5  # seconds until a worker that is away is asked again
SILENCE = 5.0  # seconds without a frame, after which it is asked anew: it may stand still
MOST = 1_000_000  # bytes of one event
END = b"\n\n"  # of an event
FRAME = b"event: pipeline\n"


async def relay(stream: Stream, door: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
    """Relay until cancelled. `door`: the address of the worker's. `transport`: another way there, for tests."""
    async with httpx.AsyncClient(base_url=door, timeout=SILENCE, transport=transport) as client:
        while True:
            await stream.until_watched()
            try:
                await _relay(stream, client)
            except httpx.HTTPError:
                await asyncio.sleep(PAUSE)


async def _relay(stream: Stream, client: httpx.AsyncClient) -> None:
    async with client.stream("GET", "/events") as answer:
        answer.raise_for_status()
        unfinished = b""
        async for piece in answer.aiter_raw():
            *events, unfinished = (unfinished + piece).split(END)
            for event in events:
                if event.startswith(FRAME):
                    stream.publish(Event("pipeline", event + END))
            if not stream.is_watched or len(unfinished) > MOST:
                return
    await asyncio.sleep(PAUSE)  # it has ended the stream: it stops
