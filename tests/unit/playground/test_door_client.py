"""A photo is sent to the door until it has its answer, whatever breaks meanwhile, and not for ever."""

import asyncio
from collections.abc import Callable, Iterator

import httpx
import pytest

from localstack.playground.photos import door_client
from localstack.playground.photos.door_client import DoorClient
from localstack.playground.photos.failures import failure
from tests.support.fakes import ManualClock
from worker.result import Result

STORED = failure("the id", "unreadable_image", "it is cut short")
PROBLEM = {"code": "unreadable_image", "detail": "half of it is missing"}
Step = httpx.Response | Exception


class Door:
    """Answers each PUT as the script says, and GET with `stored` if there is any."""

    def __init__(self, *script: Step, stored: Result | None = None) -> None:
        self.script: Iterator[Step] = iter(script)
        self.stored = stored
        self.puts = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/images/the id"
        if request.method == "GET":
            return (
                httpx.Response(200, text=self.stored.model_dump_json())
                if self.stored
                else httpx.Response(404)
            )
        self.puts += 1
        assert request.content == b"a photo"
        step = next(self.script)
        if isinstance(step, Exception):
            raise step
        return step


def score(
    door: Door, monkeypatch: pytest.MonkeyPatch, passes: Callable[[float], None] = lambda _: None
) -> Result | None:
    """Send one photo; pauses take no time, and `passes` hears of them."""
    clock = ManualClock()

    async def pause(seconds: float) -> None:
        clock.seconds += seconds
        passes(seconds)

    async def once() -> Result | None:
        monkeypatch.setattr(asyncio, "sleep", pause)
        client = DoorClient("http://door", clock, httpx.MockTransport(door))
        try:
            return await client.score("the id", lambda: b"a photo", lambda: None)
        finally:
            monkeypatch.undo()
            await client.close()

    return asyncio.run(once())


def ok() -> httpx.Response:
    return httpx.Response(200, text=STORED.model_dump_json())


def test_the_answer_is_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    door = Door(ok())
    assert score(door, monkeypatch) == STORED
    assert door.puts == 1


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.ReadTimeout("too slow"),
        httpx.RemoteProtocolError("it ended in the middle"),
        httpx.Response(202),
        httpx.Response(429, headers={"Retry-After": "2"}),
        httpx.Response(503),
        httpx.Response(504, headers={"Retry-After": "soon"}),
    ],
    ids=repr,
)
def test_what_passes_is_tried_again(trouble: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    door = Door(trouble, trouble, ok())
    assert score(door, monkeypatch, pauses.append) == STORED
    assert door.puts == 3
    assert all(0 < pause <= door_client.LONGEST_PAUSE for pause in pauses)


def test_a_worker_that_asks_for_an_hour_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    assert score(Door(httpx.Response(429, headers={"Retry-After": "3600"}), ok()), monkeypatch, pauses.append)
    assert pauses == [door_client.LONGEST_PAUSE]


def test_a_refusal_brings_the_stored_result(monkeypatch: pytest.MonkeyPatch) -> None:
    assert score(Door(httpx.Response(422, json=PROBLEM), stored=STORED), monkeypatch) == STORED


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (httpx.Response(422, json=PROBLEM), "unreadable_image"),
        (httpx.Response(500, json=["no problem"]), "refused"),
        (httpx.Response(500, text="<html>"), "refused"),
    ],
)
def test_a_refusal_without_a_result_says_why_itself(
    answer: httpx.Response, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = score(Door(answer), monkeypatch)
    assert result is not None
    assert (result.status, result.image_id) == ("failed", "the id")
    assert result.error is not None
    assert (result.error.code, result.source.via) == (code, "http")


def test_no_photo_is_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    assert score(Door(*[httpx.Response(503)] * 1000), monkeypatch, pauses.append) is None
    assert sum(pauses) == pytest.approx(door_client.PATIENCE)
