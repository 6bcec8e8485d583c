"""Look-ups of the door: never on the loop, many in one call, and none that waits for ever."""

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.results import make_result
from tests.support.waiting import PATIENCE
from worker.door.waiting.look_ups import THREADS, LookUps
from worker.errors import StoreError
from worker.messages import PhotoId
from worker.result import Result

ONE, TWO = PhotoId("one"), PhotoId("two")


class HeldStore:
    """Finds what is stored once a call is let go; counts calls and photos."""

    def __init__(self) -> None:
        self.results: dict[PhotoId, Result] = {}
        self.calls = list[Sequence[PhotoId]]()
        self.go = threading.Event()
        self.begun = threading.Semaphore(0)
        self.error: StoreError | None = None

    def find(self, photos: Sequence[PhotoId]) -> list[Result | None]:
        found = [self.results.get(photo) for photo in photos]
        self.calls.append(photos)
        self.begun.release()
        assert self.go.wait(PATIENCE)
        if self.error:
            raise self.error
        return found

    async def holds(self, calls: int) -> None:
        """Wait until so many calls are under way."""
        for _ in range(calls):
            assert await asyncio.to_thread(self.begun.acquire, timeout=PATIENCE)


@pytest.fixture
def store() -> HeldStore:
    return HeldStore()


def test_all_that_are_asked_for_meanwhile_are_one_call(store: HeldStore) -> None:
    async def run() -> None:
        look_ups = LookUps(store, PATIENCE)
        held = []
        for number in range(THREADS):
            held.append(asyncio.create_task(look_ups.find(PhotoId(f"held-{number}"))))
            await store.holds(1)
        many = [asyncio.create_task(look_ups.find(PhotoId(f"{number % 100}"))) for number in range(1000)]
        await asyncio.sleep(0)
        store.go.set()
        assert await asyncio.gather(*held, *many) == [None] * (THREADS + 1000)

    asyncio.run(run())
    assert sorted(map(len, store.calls)) == [1] * THREADS + [100]


def test_a_look_up_finds_what_was_stored_before_it_was_asked_for(store: HeldStore) -> None:
    """It must not share the answer of a call that may have looked earlier."""

    async def run() -> None:
        look_ups = LookUps(store, PATIENCE)
        early = asyncio.create_task(look_ups.find(ONE))
        await store.holds(1)
        store.results[ONE] = make_result()
        late = asyncio.create_task(look_ups.find(ONE))
        await asyncio.sleep(0)
        store.go.set()
        assert (await early, await late) == (None, make_result())

    asyncio.run(run())


def test_an_error_reaches_all_who_asked_and_no_log(store: HeldStore) -> None:
    store.error = StoreError("away")
    store.go.set()
    logged = list[dict[str, Any]]()

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append(context))
        look_ups = LookUps(store, PATIENCE)
        answers = await asyncio.gather(look_ups.find(ONE), look_ups.find(TWO), return_exceptions=True)
        assert [str(one) for one in answers] == ["away", "away"]
        store.go.clear()
        alone = asyncio.create_task(look_ups.find(ONE))
        await store.holds(2)
        alone.cancel()  # nobody waits for this error
        store.go.set()
        await asyncio.wait([alone])

    asyncio.run(run())
    assert not logged


def test_a_store_that_does_not_answer_is_in_trouble(store: HeldStore) -> None:
    async def run() -> None:
        look_ups = LookUps(store, 0.05)
        with pytest.raises(StoreError, match="not answered within"):
            await look_ups.find(ONE)
        store.go.set()

    asyncio.run(run())


def test_one_who_goes_away_takes_no_answer_from_others(store: HeldStore) -> None:
    async def run() -> None:
        store.results[ONE] = make_result()
        look_ups = LookUps(store, PATIENCE)
        gone, stays = (asyncio.create_task(look_ups.find(ONE)) for _ in range(2))
        await store.holds(1)
        gone.cancel()
        store.go.set()
        assert await stays == make_result()

    asyncio.run(run())


def test_a_store_that_hangs_holds_up_neither_the_loops_end_nor_the_process(store: HeldStore) -> None:
    async def run() -> None:
        asked = asyncio.create_task(LookUps(store, PATIENCE).find(ONE))
        await store.holds(1)
        asked.cancel()

    begun = time.monotonic()
    asyncio.run(run())
    assert time.monotonic() - begun < PATIENCE / 2
    threads = [thread for thread in threading.enumerate() if thread.name == "look-up"]
    assert [thread.daemon for thread in threads] == [True]
    store.go.set()
    threads[0].join(PATIENCE)  # and what it brings after the end disturbs nobody
    assert not threads[0].is_alive()
