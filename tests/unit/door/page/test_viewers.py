"""The stream of frames: the same for all, only for somebody, and never more than the newest one for the slow."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from itertools import count
from typing import Any

from tests.support.waiting import PATIENCE
from worker.door.page.viewers import RETRY, Viewers


class Frames:
    """Numbers its frames, and notes whether anybody watches."""

    def __init__(self) -> None:
        self.numbers = count(1)
        self.made = 0
        self.watched: list[bool] = []
        self.viewers = Viewers(self.frame, self.watched.append)

    def frame(self) -> dict[str, Any]:
        self.made = next(self.numbers)
        return {"number": self.made}


def run(scenario: Callable[[Frames], Coroutine[None, None, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await scenario(Frames())

    asyncio.run(bounded())


async def begin(frames: Frames) -> AsyncIterator[bytes]:
    stream = watch(frames)
    assert await anext(stream) == RETRY
    return stream


async def watch(frames: Frames) -> AsyncGenerator[bytes]:
    """What an answer does."""
    with frames.viewers.place():
        async for event in frames.viewers.frames():
            yield event


def number(event: bytes) -> int:
    name, data, *rest = event.decode().split("\n")
    assert (name, rest) == ("event: pipeline", ["", ""])
    return int(json.loads(data.removeprefix("data: "))["number"])


def test_all_viewers_get_the_same_frames() -> None:
    async def scenario(frames: Frames) -> None:
        first, second = await begin(frames), await begin(frames)
        for _ in range(2):
            events = await asyncio.gather(anext(first), anext(second))
            assert events[0] == events[1]
        assert frames.watched == [True]

    run(scenario)


def test_frames_are_made_only_while_somebody_watches() -> None:
    async def scenario(frames: Frames) -> None:
        async with aclosing(watch(frames)) as first, aclosing(watch(frames)) as second:
            await anext(first)
            await anext(second)
            await anext(second)
        made = frames.made
        assert frames.watched == [True, False]
        assert frames.viewers._task is None
        stream = await begin(frames)
        assert number(await anext(stream)) == made + 1
        assert frames.watched == [True, False, True]

    run(scenario)


def test_who_reads_slowly_gets_the_newest_frame_next() -> None:
    async def scenario(frames: Frames) -> None:
        slow, quick = await begin(frames), await begin(frames)
        for expected in (1, 2, 3):
            assert number(await anext(quick)) == expected
        assert number(await anext(slow)) == 4

    run(scenario)


def test_a_stop_ends_all_streams_at_once() -> None:
    async def scenario(frames: Frames) -> None:
        stream = await begin(frames)
        await anext(stream)
        waiting = asyncio.ensure_future(anext(stream, None))
        await asyncio.sleep(0)
        await asyncio.get_running_loop().run_in_executor(None, frames.viewers.end)
        assert await waiting is None
        assert [event async for event in watch(frames)] == [RETRY]

    run(scenario)
