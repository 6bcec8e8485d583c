"""What the playground does by itself: it tells accounts now and then, and says when it fails."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from localstack.playground import told as module
from localstack.playground.faults import Fault
from localstack.playground.playground import Backstage, Playground
from tests.support.results import make_result
from tests.support.waiting import PATIENCE
from tests.unit.playground.watching import Connection
from worker.door.problems import Refusal

DOOR = "http://127.0.0.1:9"


class Part:
    """A part that goes on for ever, or until it fails."""

    def __init__(self) -> None:
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.has_ended = False

    async def run(self) -> None:
        await self.failure

    async def end(self) -> None:
        self.has_ended = True

    close = end


def run(scenario: Callable[[Playground, Part], Coroutine[Any, Any, None]]) -> Part:
    async def bounded() -> Part:
        part, playground = Part(), Playground()
        async with asyncio.timeout(PATIENCE):
            playground.open(Backstage(DOOR, part, part, part, part))  # type: ignore[arg-type] # it only runs and ends
            await scenario(playground, part)
            await playground.close()
        return part

    return asyncio.run(bounded())


def accounts(viewer: Connection) -> list[Any]:
    events = viewer.text.decode().split("\n\n")
    return [json.loads(one.partition("data: ")[2]) for one in events if one.startswith("event: account")]


def test_many_changes_at_once_are_one_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ACCOUNT", 0.01)

    async def scenario(playground: Playground, _: Part) -> None:
        viewer = Connection(playground.stream)
        await viewer.sees(b'"sent": 0')
        for _number in range(100):
            playground.album.add("queue", "a photo")
        await viewer.sees(b'"sent": 100')
        assert [account["sent"] for account in accounts(viewer)] == [0, 100]

    run(scenario)


def test_a_new_viewer_sees_the_worker_the_photos_and_the_account() -> None:
    async def scenario(playground: Playground, _: Part) -> None:
        playground.told.tell("up", "The worker is up.")
        playground.adopt([("coffee.png", make_result("of S3"))])
        viewer = Connection(playground.stream)
        await viewer.sees(b"event: account")
        names = [line.partition(b": ")[2] for line in viewer.text.splitlines() if line.startswith(b"event")]
        assert names == [b"worker", b"photo", b"account"]
        assert b'"name": "coffee.png"' in viewer.text

    run(scenario)


def test_a_part_that_fails_is_said_to_those_who_watch_and_at_the_terminal() -> None:
    logged: list[dict[str, Any]] = []

    async def scenario(playground: Playground, part: Part) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append(context))
        viewer = Connection(playground.stream)
        part.failure.set_exception(RuntimeError("a bug"))
        await viewer.sees(b"The playground itself has failed")

    assert run(scenario).has_ended
    assert logged


def test_a_stop_ends_every_part() -> None:
    async def scenario(_: Playground, __: Part) -> None:
        await asyncio.sleep(0)

    assert run(scenario).has_ended


def test_a_page_can_tell_one_make_run_from_the_next() -> None:
    runs: set[str] = set()

    async def scenario(playground: Playground, _: Part) -> None:
        for _viewer in range(2):
            viewer = Connection(playground.stream)
            await viewer.sees(b"event: account")
            runs.add(viewer.text.partition(b'"run": ')[2].decode()[:34])

    run(scenario)
    assert len(runs) == 1
    run(scenario)
    assert len(runs) == 2


class Harmless:
    """Knows one fault, which is over at once."""

    def faults(self) -> list[Fault]:
        return [Fault("bomb", "Send a bomb", "It fails alone.", 1.0, lambda: asyncio.sleep(0))]


def test_nothing_is_broken_before_the_first_worker_is_up_but_while_another_one_starts() -> None:
    async def scenario(playground: Playground, _: Part) -> None:
        playground.prepare(Harmless())  # type: ignore[arg-type] # its faults are all that is asked for
        playground.told.tell("starting", "The worker starts.")
        with pytest.raises(Refusal):
            playground.begin_fault("bomb")
        playground.told.tell("up", "The worker is up.")
        playground.told.tell("away", "The worker was killed.")
        playground.begin_fault("bomb")
        viewer = Connection(playground.stream)
        await viewer.sees(b'"state": "off"')

    run(scenario)
