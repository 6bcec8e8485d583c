"""Each fault is made, and mended even if it is cut off in the middle; a worker ends under load, if there is one."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from localstack.playground import breakers as module
from localstack.playground.breakers import LOAD, Breakers
from localstack.playground.faults import Fault
from localstack.playground.photos.photo import Photo
from tests.support.waiting import PATIENCE


class Stage:
    """Everything that can be broken, in one: it only notes what is done to it."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.faults: dict[str, Any] = {}  # of the gateway
        self.is_up = True
        self.photo = Photo("an id", 1, "queue", "a photo")
        breakers = Breakers(self, self, self, self, b"0123456789")  # type: ignore[arg-type] # it stands for all of them
        self.named = {fault.name: fault for fault in breakers.faults()}

    def freeze_redis(self) -> None:
        self.done.append("freeze")

    def thaw_redis(self) -> None:
        self.done.append("thaw")

    def break_(self, service: str, fault: Any) -> None:
        self.faults[service] = fault

    def mend(self, service: str) -> None:
        del self.faults[service]

    def end(self, number: signal.Signals) -> None:
        self.done.append(number.name)
        self.is_up = False

    def send(self, name: str, data: bytes) -> Photo:
        self.done.append(f"{name}: {len(data)}")
        return self.photo

    def send_poison(self) -> Photo:
        self.done.append("poison")
        return self.photo

    def burst(self, number: int) -> None:
        self.done.append(f"{number} photos")


Scenario = Callable[[Stage], Coroutine[Any, Any, None]]


def run(scenario: Scenario) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await scenario(Stage())

    asyncio.run(bounded())


async def begin(fault: Fault) -> asyncio.Future[None]:
    task = asyncio.ensure_future(fault.act())
    await asyncio.sleep(0)
    return task


async def cut_off(task: asyncio.Future[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_redis_is_thawed_also_when_that_is_cut_off() -> None:
    async def scenario(stage: Stage) -> None:
        task = await begin(stage.named["freeze-redis"])
        assert stage.done == ["freeze"]
        await cut_off(task)
        assert stage.done == ["freeze", "thaw"]

    run(scenario)


@pytest.mark.parametrize(("name", "service"), [("s3-unavailable", "s3"), ("throttle-sqs", "sqs")])
def test_a_service_answers_again_also_when_that_is_cut_off(name: str, service: str) -> None:
    async def scenario(stage: Stage) -> None:
        task = await begin(stage.named[name])
        assert [*stage.faults] == [service]
        await cut_off(task)
        assert not stage.faults

    run(scenario)


@pytest.mark.parametrize("name", ["bomb", "truncated", "poison"])
def test_what_harms_is_over_once_it_has_come_to_its_end(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK", 0.001)

    async def scenario(stage: Stage) -> None:
        task = await begin(stage.named[name])
        assert len(stage.done) == 1
        assert not task.done()
        stage.photo.state = "dead"
        await task

    run(scenario)


@pytest.mark.parametrize("name", ["kill", "stop"])
def test_a_worker_ends_under_load_once_there_is_one_and_until_there_is_another(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK", 0.001)
    monkeypatch.setattr(module, "HEAD_START", 0.0)

    async def scenario(stage: Stage) -> None:
        stage.is_up = False
        task = await begin(stage.named[name])
        assert not stage.done
        stage.is_up = True
        while stage.is_up:
            await asyncio.sleep(0)
        assert stage.done == [f"{LOAD} photos", "SIGKILL" if name == "kill" else "SIGTERM"]
        await asyncio.sleep(0)
        assert not task.done()
        stage.is_up = True
        await task

    run(scenario)


def test_how_long_it_takes_is_told_only_where_that_is_known() -> None:
    lasting = {name for name, fault in Stage().named.items() if fault.seconds}
    assert lasting == {"freeze-redis", "s3-unavailable", "throttle-sqs"}
