"""Who waits for a result gets it as soon as it is there, and is told in time if it is not."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.results import make_result
from tests.support.waiting import PATIENCE
from worker.door.waiting.look_ups import LookUps
from worker.door.waiting.readers import Readers
from worker.errors import StoreError
from worker.messages import PhotoId
from worker.result import Result
from worker.telemetry.counters import Telemetry

ONE, TWO = PhotoId("one"), PhotoId("two")
RESULT = make_result()
SHORT = 0.05  # seconds of a wait that must end without a result


class ScriptedStore:
    """Answers each look-up with what is stored, or with the next error."""

    def __init__(self) -> None:
        self.results: dict[PhotoId, Result] = {}
        self.errors = list[StoreError]()
        self.looks = Counter[PhotoId]()
        self.go = threading.Event()
        self.go.set()

    def find(self, photos: Sequence[PhotoId]) -> list[Result | None]:
        self.looks.update(photos)
        assert self.go.wait(PATIENCE)
        if self.errors:
            raise self.errors.pop(0)
        return [self.results.get(photo) for photo in photos]


class PuppetSubscription:
    """Says of a channel that there is a reason to look when the test says so."""

    def __init__(self) -> None:
        self.channels = Counter[str]()
        self.dropped = list[str]()
        self.broken = asyncio.Event()
        self.runs = 0
        self.heard: Callable[[str], None]
        self.failed: Callable[[str], None]

    def add(self, channel: str) -> None:
        self.channels[channel] += 1

    def drop(self, channel: str) -> None:
        del self.channels[channel]
        self.dropped.append(channel)

    async def run(self, heard: Callable[[str], None], failed: Callable[[str], None]) -> None:
        self.runs += 1
        self.heard, self.failed = heard, failed
        await self.broken.wait()
        self.broken.clear()
        raise RuntimeError("a fault of ours")


class Rig:
    """Readers with a scripted store and a puppet for a subscription."""

    def __init__(self, most: int = 100) -> None:
        self.store, self.subscription, self.telemetry = ScriptedStore(), PuppetSubscription(), Telemetry()
        self.readers = Readers(
            LookUps(self.store, PATIENCE),
            self.subscription,
            lambda photo: f"result:{photo.image_id}",
            most,
            self.telemetry,
        )

    def run(self, test: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a test's coroutine in a loop of its own."""
        asyncio.run(asyncio.wait_for(test(), PATIENCE))

    async def waiter(self, photo: PhotoId = ONE, seconds: float = PATIENCE) -> "asyncio.Task[Result | None]":
        """Begin to wait; it has looked once when this returns."""
        looks = self.store.looks[photo]
        task = asyncio.create_task(self.readers.wait(photo, seconds))
        await self.looks(photo, looks + 1)
        return task

    async def looks(self, photo: PhotoId, number: int) -> None:
        """Wait until a photo was looked up so often, and what came of it was heard."""
        while self.store.looks[photo] < number:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_a_stored_result_is_found_at_once(rig: Rig) -> None:
    async def test() -> None:
        rig.store.results[ONE] = RESULT
        assert await rig.readers.wait(ONE, PATIENCE) == RESULT
        assert await rig.readers.find(ONE) == RESULT
        assert not rig.subscription.channels

    rig.run(test)
    assert rig.store.looks[ONE] == 2


def test_a_reason_to_look_finds_the_result_and_no_reason_costs_no_look(rig: Rig) -> None:
    async def test() -> None:
        waiter, other = await rig.waiter(), await rig.waiter(TWO)
        rig.subscription.heard("result:one")  # the confirmation
        await rig.looks(ONE, 2)
        rig.store.results[ONE] = RESULT
        rig.subscription.heard("result:one")
        assert await waiter == RESULT
        assert rig.store.looks == {ONE: 3, TWO: 1}
        assert not other.done()
        other.cancel()

    rig.run(test)


def test_what_is_announced_during_a_look_is_looked_for_again(rig: Rig) -> None:
    """The look may have been too early."""

    async def test() -> None:
        rig.store.go.clear()
        waiter = asyncio.create_task(rig.readers.wait(ONE, PATIENCE))
        while not rig.store.looks[ONE]:
            await asyncio.sleep(0.001)
        rig.subscription.heard("result:one")
        rig.store.go.set()
        await rig.looks(ONE, 2)
        rig.store.results[ONE] = RESULT
        rig.subscription.heard("result:one")
        assert await waiter == RESULT

    rig.run(test)


def test_a_result_that_nobody_announced_is_found_before_the_reader_gives_up(rig: Rig) -> None:
    async def test() -> None:
        waiter = await rig.waiter(seconds=SHORT)
        rig.store.results[ONE] = RESULT
        assert await waiter == RESULT

    rig.run(test)


def test_a_reader_gives_up_in_time_whatever_it_hears(rig: Rig) -> None:
    async def test() -> None:
        loop = asyncio.get_running_loop()
        begun, waiter = loop.time(), await rig.waiter(seconds=SHORT)
        while not waiter.done():
            rig.subscription.heard("result:one")
            await asyncio.sleep(0)
        assert await waiter is None
        assert SHORT <= loop.time() - begun < SHORT + 2  # a busy machine

    rig.run(test)


def test_a_redis_that_comes_back_in_time_was_never_away(rig: Rig) -> None:
    async def test() -> None:
        rig.store.errors = [StoreError("away")] * 2
        waiter = await rig.waiter()
        rig.subscription.heard("result:one")
        await rig.looks(ONE, 2)
        rig.store.results[ONE] = RESULT
        rig.subscription.heard("result:one")  # subscribed anew
        assert await waiter == RESULT

    rig.run(test)


def test_a_redis_that_stays_away_is_an_error_at_the_end(rig: Rig) -> None:
    async def test() -> None:
        rig.store.errors = [StoreError("away")] * 2
        with pytest.raises(StoreError, match="away"):
            await rig.readers.wait(ONE, SHORT)

    rig.run(test)


def test_a_redis_that_hangs_holds_a_reader_up_once(rig: Rig) -> None:
    """By the patience of the last look, not by that of each."""

    async def test() -> None:
        loop = asyncio.get_running_loop()
        rig.store.go.clear()
        begun, waiter = loop.time(), asyncio.create_task(rig.readers.wait(ONE, SHORT))
        await asyncio.sleep(0)
        while rig.readers.waiting:
            await asyncio.sleep(0.001)
        assert SHORT <= loop.time() - begun < SHORT + 2  # a busy machine
        rig.store.go.set()
        assert await waiter is None

    rig.run(test)


def test_a_stop_ends_all_waits_with_a_last_look(rig: Rig) -> None:
    async def test() -> None:
        waiters = [await rig.waiter(photo) for photo in (ONE, TWO)]
        rig.store.results[TWO] = RESULT
        rig.readers.end()
        assert await asyncio.gather(*waiters) == [None, RESULT]
        assert await rig.readers.wait(ONE, PATIENCE) is None

    rig.run(test)


def test_one_too_many_does_not_wait() -> None:
    rig = Rig(most=2)

    async def test() -> None:
        waiters = [await rig.waiter() for _ in range(2)]
        assert await rig.readers.wait(ONE, PATIENCE) is None
        waiters[0].cancel()
        await asyncio.wait(waiters[:1])
        waiters[0] = await rig.waiter()  # there is a place again
        rig.store.results[ONE] = RESULT
        rig.subscription.heard("result:one")
        assert await asyncio.gather(*waiters) == [RESULT] * 2

    rig.run(test)


def test_a_channel_is_dropped_with_its_last_waiter(rig: Rig) -> None:
    async def test() -> None:
        first, second = await rig.waiter(), await rig.waiter()
        assert [*rig.subscription.channels] == ["result:one"]
        first.cancel()
        await asyncio.wait([first])
        assert not rig.subscription.dropped
        second.cancel()
        await asyncio.wait([second])
        assert rig.subscription.dropped == ["result:one"]
        rig.subscription.heard("result:one")  # a late one disturbs nobody
        assert not rig.readers.waiting

    rig.run(test)


def test_a_lost_connection_is_logged_with_the_number_that_waits(rig: Rig) -> None:
    async def test() -> None:
        waiter = await rig.waiter()
        rig.subscription.failed("ConnectionError: closed")
        waiter.cancel()

    with capture_logs() as logs:
        rig.run(test)
    assert [(line["event"], line["waiting"], line["reason"]) for line in logs] == [
        ("subscription_failed", 1, "ConnectionError: closed")
    ]
    rig.readers.end()  # the loop has ended: that disturbs nobody


def test_a_fault_of_ours_is_logged_and_the_next_reader_subscribes_anew(rig: Rig) -> None:
    async def test() -> None:
        waiter = await rig.waiter()
        rig.subscription.broken.set()
        while not rig.telemetry.counts.get("subscription_ended"):
            await asyncio.sleep(0)
        other = await rig.waiter()
        rig.store.results[ONE] = RESULT
        rig.subscription.heard("result:one")
        assert (await waiter, await other) == (RESULT, RESULT)
        assert rig.subscription.runs == 2

    with capture_logs() as logs:
        rig.run(test)
    assert [(line["event"], str(line["exc_info"])) for line in logs] == [
        ("subscription_ended", "a fault of ours")
    ]
