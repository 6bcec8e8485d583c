"""Answers for the requests of an event loop: each arrives, and a crowd of them wakes the loop once."""

import asyncio
import threading
from unittest.mock import Mock

import pytest

from tests.support.waiting import PATIENCE
from worker.door.waiting.deliveries import Deliveries


def test_values_from_another_thread_arrive_together(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> tuple[list[int], int]:
        loop, deliveries = asyncio.get_running_loop(), Deliveries[int]()
        futures = [loop.create_future() for _ in range(5)]
        calls = Mock(wraps=loop.call_soon_threadsafe)
        monkeypatch.setattr(loop, "call_soon_threadsafe", calls)

        def put_all() -> None:
            for number, future in enumerate(futures):
                deliveries.put(future, number)

        thread = threading.Thread(target=put_all)
        thread.start()
        thread.join(PATIENCE)  # the loop stands still meanwhile
        async with asyncio.timeout(PATIENCE):
            return await asyncio.gather(*futures), calls.call_count

    assert asyncio.run(run()) == ([0, 1, 2, 3, 4], 1)


def test_what_comes_later_arrives_too() -> None:
    async def run() -> list[str]:
        loop, deliveries = asyncio.get_running_loop(), Deliveries[str]()
        heard = list[str]()
        for name in ("first", "second"):
            future = loop.create_future()
            deliveries.put(future, name)
            async with asyncio.timeout(PATIENCE):
                heard.append(await future)
        return heard

    assert asyncio.run(run()) == ["first", "second"]


def test_who_waits_no_more_disturbs_nobody() -> None:
    async def run() -> tuple[bool, int]:
        loop, deliveries = asyncio.get_running_loop(), Deliveries[int]()
        gone, waiting = loop.create_future(), loop.create_future()
        gone.cancel()
        deliveries.put(gone, 1)
        deliveries.put(waiting, 2)
        async with asyncio.timeout(PATIENCE):
            return gone.cancelled(), await waiting

    assert asyncio.run(run()) == (True, 2)


def test_a_loop_that_has_ended_takes_nothing() -> None:
    loop = asyncio.new_event_loop()
    future = loop.create_future()
    loop.close()
    Deliveries[int]().put(future, 1)
    assert not future.done()
