"""All viewers see the same, a new one what was before, and one that does not read costs nothing."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from localstack.playground.web.stream import MOST_WAITING, Event, Stream
from tests.support.waiting import PATIENCE
from tests.unit.playground.watching import Connection
from worker.door.page.viewers import RETRY

HELLO = Event.of("account", {"sent": 0})
BEAT = Event.of("worker", {"state": "starting"})


def run(scenario: Callable[[Stream], Coroutine[Any, Any, None]], **seconds: float) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await scenario(Stream(lambda: [HELLO], lambda: BEAT, **seconds))

    asyncio.run(bounded())


def test_a_viewer_gets_how_things_are_and_then_what_changes() -> None:
    async def scenario(stream: Stream) -> None:
        viewers = [Connection(stream), Connection(stream)]
        for viewer in viewers:
            await viewer.sees(HELLO.text)
        stream.publish(news := Event.of("account", {"sent": 1}))
        for viewer in viewers:
            await viewer.sees(news.text)
            assert viewer.text == RETRY + HELLO.text + news.text
        stream.end()
        await asyncio.gather(*(viewer.answer for viewer in viewers))

    run(scenario)


def test_of_each_thing_a_slow_viewer_gets_the_newest() -> None:
    async def scenario(stream: Stream) -> None:
        viewer = Connection(stream)
        await viewer.sees(HELLO.text)
        viewer.reads.clear()
        stream.publish(Event.of("account", {"sent": 1}))
        await asyncio.sleep(0)  # it is being sent
        for sent in range(2, 100):
            stream.publish(Event.of("account", {"sent": sent}))
            stream.publish(Event.of("photo", {"number": sent % 3}, f"photo {sent % 3}"))
        viewer.reads.set()
        await viewer.sees(b'"sent": 99')
        assert viewer.text.count(b"event: ") <= 1 + 1 + 1 + 3
        stream.end()
        await viewer.answer

    run(scenario)


def test_a_viewer_that_leaves_too_much_unread_goes() -> None:
    async def scenario(stream: Stream) -> None:
        viewer = Connection(stream)
        await viewer.sees(HELLO.text)
        for number in range(MOST_WAITING + 1):
            stream.publish(Event.of("photo", {}, f"photo {number}"))
        await viewer.answer
        assert not stream.is_watched

    run(scenario)


def test_a_viewer_that_reads_nothing_goes_after_a_while_and_its_answer_has_no_end() -> None:
    async def scenario(stream: Stream) -> None:
        viewer = Connection(stream)
        await viewer.sees(HELLO.text)
        viewer.reads.clear()
        stream.publish(HELLO)
        await viewer.answer
        assert not stream.is_watched
        assert all(message.get("more_body", True) for message in viewer.got)

    run(scenario, patience=0.01)


def test_a_viewer_that_leaves_is_forgotten_and_nobody_watches() -> None:
    async def scenario(stream: Stream) -> None:
        viewer = Connection(stream)
        await stream.until_watched()
        viewer.left.set()
        await viewer.answer
        assert not stream.is_watched

    run(scenario)


def test_after_the_end_nobody_stays() -> None:
    async def scenario(stream: Stream) -> None:
        stream.end()
        viewer = Connection(stream)
        await viewer.answer
        assert viewer.got[-1]["more_body"] is False

    run(scenario)


def test_a_viewer_hears_now_and_then_that_we_are_there() -> None:
    async def scenario(stream: Stream) -> None:
        viewer = Connection(stream)
        await viewer.sees(HELLO.text + BEAT.text + BEAT.text)
        stream.publish(HELLO)
        await viewer.sees(BEAT.text + HELLO.text)
        stream.end()
        await viewer.answer

    run(scenario, silence=0.01)
