"""A fault begins when it is asked for, ends by itself, and leaves nothing broken, however it ends."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from localstack.playground.faults import BusyError, Fault, Faults
from localstack.playground.web.stream import Event
from tests.support.fakes import ManualClock
from tests.support.waiting import PATIENCE
from worker.door.problems import Refusal


class Broken:
    """Faults of two kinds, and what they have told. They last until `over`."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, float]] = []
        self.said = ""
        self.is_broken = False
        self.over = asyncio.Event()
        faults = [
            Fault("kill", "Kill", "It is killed.", 10.0, self.act, "worker"),
            Fault("stop", "Stop", "It is stopped.", 10.0, self.act, "worker"),
            Fault("bomb", "Bomb", "It is sent.", 10.0, self.act),
        ]
        self.refusal: Refusal | None = None
        self.clock = ManualClock()
        self.faults = Faults(faults, self.tell, self.clock)

    async def act(self) -> None:
        self.is_broken = True
        try:
            await self.over.wait()
            if self.refusal:
                raise self.refusal
        finally:
            self.is_broken = False

    def tell(self, event: Event) -> None:
        fields = json.loads(event.text.decode().partition("data: ")[2])
        self.said = fields["says"]
        self.told.append((fields["name"], fields["state"], fields["left"]))

    async def end(self) -> None:
        self.over.set()
        while self.faults.events():
            await asyncio.sleep(0)


def run(scenario: Callable[[Broken], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await scenario(Broken())

    asyncio.run(bounded())


def test_it_tells_of_its_beginning_and_its_end() -> None:
    async def scenario(broken: Broken) -> None:
        broken.faults.begin("kill")
        await broken.end()
        assert broken.told == [("kill", "on", 10.0), ("kill", "off", 0.0)]

    run(scenario)


def test_a_new_viewer_learns_how_long_it_still_takes() -> None:
    async def scenario(broken: Broken) -> None:
        broken.faults.begin("kill")
        broken.clock.seconds += 4
        (event,) = broken.faults.events()
        assert b'"left": 6.0' in event.text
        broken.clock.seconds += 60
        (event,) = broken.faults.events()
        assert b'"left": 0.0' in event.text
        await broken.end()

    run(scenario)


def test_two_of_one_kind_do_not_go_together_but_others_do() -> None:
    async def scenario(broken: Broken) -> None:
        broken.faults.begin("kill")
        for name in ("kill", "stop"):
            with pytest.raises(BusyError, match="Kill"):
                broken.faults.begin(name)
        broken.faults.begin("bomb")
        await broken.end()
        broken.faults.begin("stop")
        await broken.end()
        assert [name for name, state, _ in broken.told if state == "off"] == ["kill", "bomb", "stop"]

    run(scenario)


def test_one_that_is_refused_after_all_says_why_and_is_over() -> None:
    async def scenario(broken: Broken) -> None:
        broken.faults.begin("kill")
        assert broken.said == "It is killed."
        broken.refusal = Refusal("too_many_requests", "999 photos wait")
        await broken.end()
        assert (broken.told[-1], broken.said) == (("kill", "off", 0.0), "It did not happen: 999 photos wait.")

    run(scenario)


def test_an_unknown_one_is_none() -> None:
    async def scenario(broken: Broken) -> None:
        with pytest.raises(KeyError):
            broken.faults.begin("set-on-fire")

    run(scenario)


def test_a_stop_in_the_middle_mends_what_is_broken() -> None:
    async def scenario(broken: Broken) -> None:
        broken.faults.begin("kill")
        await asyncio.sleep(0)
        assert broken.is_broken
        await broken.faults.end()
        assert not broken.is_broken
        assert broken.told[-1] == ("kill", "off", 0.0)

    run(scenario)
