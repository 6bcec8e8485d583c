"""The door's readers on a real Valkey: one connection for all, and nothing missed when it is cut."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localstack.services import HOST
from tests.integration.redis.photos import connect
from tests.support.door_readers import ReadersRig, until
from tests.support.faults.valkey import Valkey
from tests.support.results import make_result
from tests.support.waiting import PATIENCE
from worker.errors import StoreError

RESULT = make_result()
TEXT = RESULT.model_dump_json()
MANY = 1_000
TIMEOUT = 0.5  # seconds that Redis has for an answer
SOON = PATIENCE / 2  # seconds: before a waiter's last look


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey of its own: its clients are counted and cut off, it is killed and frozen."""
    server = Valkey(tmp_path)
    yield server
    server.close()


@pytest.fixture
def rig(valkey: Valkey) -> ReadersRig:
    return ReadersRig(connect(f"redis://{HOST}:{valkey.port}/0", timeout=TIMEOUT))


def subscribers(valkey: Valkey) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = valkey.client.client_list(_type="pubsub")
    return found


def heard(valkey: Valkey, channel: str = "result:one") -> bool:
    """Whether somebody is subscribed to a channel."""
    ((_, number),) = valkey.client.pubsub_numsub(channel)
    return bool(number)


def test_an_announced_result_reaches_its_reader_at_once(rig: ReadersRig, valkey: Valkey) -> None:
    async def test() -> None:
        waiter = rig.wait("one")
        await until(lambda: heard(valkey))
        begun = time.monotonic()
        assert await asyncio.to_thread(rig.store.write, [RESULT], [""])
        assert await waiter == RESULT
        assert time.monotonic() - begun < 1.0
        await until(lambda: not heard(valkey))  # nobody waits any more

    rig.run(test)


def test_a_thousand_readers_share_one_connection_and_no_thread_each(rig: ReadersRig, valkey: Valkey) -> None:
    async def test() -> None:
        threads = threading.active_count()
        waiters = [rig.wait(f"photo-{number}") for number in range(MANY)]
        await until(lambda: len(valkey.client.pubsub_channels()) == MANY)
        assert len(subscribers(valkey)) == 1
        assert threading.active_count() <= threads + 8  # look-ups, and this test's own
        for number in range(MANY):
            text = make_result(f"photo-{number}").model_dump_json()
            valkey.client.set(f"result:photo-{number}", text)
            valkey.client.publish(f"result:photo-{number}", text)
        begun = time.monotonic()
        found = await asyncio.gather(*waiters)
        assert [result and result.image_id for result in found] == [f"photo-{n}" for n in range(MANY)]
        assert time.monotonic() - begun < SOON

    rig.run(test)


def test_a_result_written_at_the_moment_of_a_cut_is_found_as_soon_as_the_subscription_is_back(
    rig: ReadersRig, valkey: Valkey
) -> None:
    async def test() -> None:
        waiters = [rig.wait("one"), rig.wait("two")]
        await until(lambda: heard(valkey) and heard(valkey, "result:two"))
        begun = time.monotonic()
        with valkey.client.pipeline(transaction=True) as together:  # nobody subscribes in between
            together.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            together.set("result:one", TEXT).publish("result:one", TEXT)
            assert together.execute()[-1] == 0
        assert await waiters[0] == RESULT
        assert time.monotonic() - begun < SOON
        await until(lambda: heard(valkey, "result:two"))
        assert not waiters[1].done()
        rig.readers.end()
        assert await waiters[1] is None

    rig.run(test)
    assert rig.telemetry.counts["subscription_failed"] == 1


def test_a_restart_of_redis_is_waited_through(rig: ReadersRig, valkey: Valkey) -> None:
    async def test() -> None:
        waiters = [rig.wait(f"{number}") for number in range(10)]
        await until(lambda: len(valkey.client.pubsub_channels()) == len(waiters))
        valkey.kill()
        await until(lambda: rig.telemetry.counts.get("subscription_failed", 0) == 1)
        assert not any(waiter.done() for waiter in waiters)
        await asyncio.to_thread(valkey.start)
        begun = time.monotonic()
        for number in range(10):  # nobody announces them
            valkey.client.set(f"result:{number}", make_result(f"{number}").model_dump_json())
        valkey.client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")  # if it was back already
        assert [result and result.image_id for result in await asyncio.gather(*waiters)] == [*"0123456789"]
        assert time.monotonic() - begun < SOON

    rig.run(test)


def test_a_redis_that_stays_away_is_trouble_once_the_wait_is_over(rig: ReadersRig, valkey: Valkey) -> None:
    async def test() -> None:
        waiter = rig.wait("one", 1.0)
        await until(lambda: heard(valkey))
        valkey.kill()
        with pytest.raises(StoreError):
            await waiter

    rig.run(test)
    assert rig.telemetry.counts["subscription_failed"] == 1  # however often it was tried


def test_a_redis_that_hangs_is_noticed_and_waited_for(rig: ReadersRig, valkey: Valkey) -> None:
    async def test() -> None:
        waiter, short = rig.wait("one"), rig.wait("two", 0.1)
        await until(lambda: heard(valkey))
        valkey.freeze()
        try:
            with pytest.raises(StoreError):
                await short
            await until(lambda: rig.telemetry.counts.get("subscription_failed", 0) == 1)
        finally:
            valkey.thaw()
        valkey.client.set("result:one", TEXT)
        assert await waiter == RESULT

    rig.run(test)


def test_a_quiet_connection_is_kept(rig: ReadersRig, valkey: Valkey) -> None:
    """Silence is ended by a sign of life, with and without a subscription."""

    async def test() -> None:
        waiter = rig.wait("one", 4 * TIMEOUT)
        await until(lambda: heard(valkey))
        (first,) = subscribers(valkey)
        assert await waiter is None
        await until(lambda: not heard(valkey))
        await asyncio.to_thread(threading.Event().wait, 3 * TIMEOUT)
        rig.wait("two", 4 * TIMEOUT)
        await until(lambda: heard(valkey, "result:two"))
        assert [one["id"] for one in subscribers(valkey)] == [first["id"]]

    rig.run(test)
    assert "subscription_failed" not in rig.telemetry.counts


def test_a_message_of_another_database_is_no_result(rig: ReadersRig, valkey: Valkey) -> None:
    """Redis's channels are shared by all its databases."""

    async def test() -> None:
        waiter = rig.wait("one", 1.0)
        await until(lambda: heard(valkey))
        valkey.client.publish("result:one", TEXT)
        assert await waiter is None

    rig.run(test)
