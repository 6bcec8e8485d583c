"""The outages hear how each call of the store ends, and of nothing that concerns one result alone."""

import asyncio
from collections.abc import Callable
from typing import cast

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from localstack.services import free_port
from tests.support.fakes import ManualClock
from tests.support.results import make_result
from worker.adapters.redis.index import Index
from worker.adapters.redis.nodes import Nodes
from worker.adapters.redis.store import RedisStore
from worker.connections import readers
from worker.errors import Part, ResultRefusedError, StoreError
from worker.messages import PhotoId, S3Object
from worker.photos.looks import Look
from worker.pipeline.outages import Outages
from worker.results.look_alikes import DuplicateRule
from worker.results.redis_keys import Keys
from worker.results.store import ResultStore
from worker.results.watched import WatchedStore
from worker.settings import Settings
from worker.telemetry.counters import Telemetry

PHOTO = PhotoId("one")
READING: dict[str, Callable[[ResultStore], object]] = {
    "find": lambda store: store.find([PHOTO]),
    "find_original": lambda store: store.find_original(PHOTO, "ab"),
    "find_look_alike": lambda store: store.find_look_alike(PHOTO, Look(None, None)),
    "tries": lambda store: store.tries(["message"]),
}
WRITING: dict[str, Callable[[ResultStore], object]] = {
    "write": lambda store: store.write([make_result()], [""], [None]),
    "note_order": lambda store: store.note_order(PHOTO, S3Object("b", "k")),
    "begin_trial": lambda store: store.begin_trial("message"),
    "note_survived": lambda store: store.note_survived(["message"]),
}
ALL = READING | WRITING


class Puppet:
    """Ends every call of a store as the test says, and keeps its name and what it was asked."""

    def __init__(self) -> None:
        self.error: StoreError | None = None
        self.asked: tuple[str, tuple[object, ...]]

    def __getattr__(self, name: str) -> Callable[..., str]:
        def call(*arguments: object) -> str:
            self.asked = name, arguments
            if self.error:
                raise self.error
            return f"answer of {name}"

        return call


class Rig:
    """A store that fails when told, and who watches it."""

    def __init__(self) -> None:
        self.puppet = Puppet()
        self.outages = Outages(ManualClock(), lambda: 0.0)
        self.store: ResultStore = WatchedStore(cast("ResultStore", self.puppet), self.outages)

    def fail(self, name: str, error: StoreError | None = None) -> None:
        self.puppet.error = error or StoreError("away")
        with pytest.raises(StoreError, match=str(self.puppet.error)):
            ALL[name](self.store)

    def succeed(self, name: str) -> object:
        self.puppet.error = None
        return ALL[name](self.store)

    @property
    def is_away(self) -> bool:
        return self.outages.ongoing(Part.STORE)


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.mark.parametrize("name", ALL)
def test_a_call_is_passed_on_and_its_second_failure_is_an_outage_until_it_succeeds(
    rig: Rig, name: str
) -> None:
    rig.fail(name)
    assert not rig.is_away
    rig.fail(name)
    assert rig.is_away
    asked = rig.puppet.asked
    assert rig.succeed(name) in {f"answer of {name}", None}
    assert not rig.is_away
    ALL[name](cast("ResultStore", rig.puppet))
    assert rig.puppet.asked == asked


def test_failures_of_reading_and_of_writing_add_up(rig: Rig) -> None:
    rig.fail("find")
    rig.fail("write")
    assert rig.is_away


@pytest.mark.parametrize("reading", READING)
@pytest.mark.parametrize("failed", [["write", "write"], ["find", "write"], ["write", "find"]])
def test_a_redis_that_gives_and_takes_nothing_stays_in_trouble(
    rig: Rig, reading: str, failed: list[str]
) -> None:
    """As a replica does after a failover, or a Redis without memory."""
    for name in failed:
        rig.fail(name)
    rig.succeed(reading)
    assert rig.is_away
    assert rig.outages.pause(Part.STORE) > 0
    rig.succeed("write")
    assert not rig.is_away


@pytest.mark.parametrize("name", ALL)
def test_one_result_that_is_refused_is_no_trouble_and_no_success(rig: Rig, name: str) -> None:
    for _ in range(2):
        rig.fail(name, ResultRefusedError("this one"))
    assert not rig.is_away
    rig.fail("write")
    rig.fail(name, ResultRefusedError("this one"))
    rig.fail("write")
    assert rig.is_away


def test_what_readers_at_the_door_learn_everybody_knows() -> None:
    nodes, keys = Nodes(redis.Redis(port=free_port(), retry=Retry(NoBackoff(), 0))), Keys("result:{image_id}")
    store = RedisStore(nodes, keys, 60, Index(nodes, keys, DuplicateRule(0, 0)))
    outages = Outages(ManualClock(), lambda: 0.0)
    found = readers(Settings.model_construct(), WatchedStore(store, outages), Telemetry())
    assert found

    async def ask() -> None:
        for _ in range(2):
            with pytest.raises(StoreError):
                await found.find(PHOTO)

    asyncio.run(ask())
    assert outages.ongoing(Part.STORE)
