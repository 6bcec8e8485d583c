"""Tests of Redis as a cluster, as on ElastiCache: three real nodes, and a slot that moves."""

import asyncio
import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from redis.crc import REDIS_CLUSTER_HASH_SLOTS as SLOTS

from tests.integration.redis.cluster import NODES, Nodes, alive, ask, cluster, holder, move, url_of
from tests.integration.redis.photos import connect, enter, exact, find_look_alike, near, phash, photo, write
from tests.support.door_readers import ReadersRig, until
from tests.support.photos import coffee
from tests.support.redis_rights import RIGHTS
from tests.support.rig import Rig
from tests.support.waiting import PATIENCE
from worker import settings
from worker.adapters.redis.index import Index
from worker.adapters.redis.store import RedisStore
from worker.client import Client
from worker.errors import ConfigurationError, StoreError
from worker.messages import Answer, PhotoId
from worker.results.store import Tries

ONE_SLOT, BY_OWNER = "{photos}:result:{image_id}", "{{owner}}:result:{image_id}"
OWNERS = ["ada", "bob", "carl", "dora", "emil", "fay"]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(autouse=True)
def empty(nodes: Nodes) -> None:
    for node in nodes:
        node.flushall()


def store_on(nodes: Nodes, template: str) -> RedisStore:
    return connect(url_of(nodes[1]), template=template)


def test_a_template_without_a_hash_tag_is_refused(nodes: Nodes) -> None:
    with pytest.raises(ConfigurationError, match="WORKER_RESULT_KEY needs a hash tag"):
        store_on(nodes, "result:{image_id}")


def test_results_and_index_work_as_on_a_single_redis(nodes: Nodes) -> None:
    store = store_on(nodes, ONE_SLOT)
    assert store.find([PhotoId("one")]) == [None]
    with store.announcements(PhotoId("one")) as announcements:
        assert announcements.wait(5.0)  # Redis's confirmation
        assert write(store, "one", "1", phash(0)) is None
        assert announcements.wait(5.0)
    assert write(store, "two", "1", phash(0)) == exact("one")
    assert write(store, "three", "3", phash(3)) == near("one", 2)
    again = photo("three", "3", phash(3)).model_copy(update={"timings_ms": {"infer": 1.0}})  # another try
    assert store.write([again], [""])[0].answer is Answer.KNOWN
    assert find_look_alike(store, "four", phash(1)) == "one"
    assert store.forget(PhotoId("one"))
    just_now = nodes[0].time()[0] * 1_000_000 - 1_000_000
    assert enter(store, "four", "4", phash(255 << 8), just_now)
    assert write(store, "six", "6", phash(254 << 8)) == near("four", 1)
    assert write(store, "five", "5", phash(0)) == near("two", 0)


def test_owners_are_spread_over_the_nodes_and_written_together(nodes: Nodes) -> None:
    store = store_on(nodes, BY_OWNER)
    results = [photo("one", "1", phash(0), owner=owner) for owner in OWNERS]
    assert [one.answer for one in store.write(results, [""] * len(OWNERS))] == [Answer.WRITTEN] * len(OWNERS)
    assert store.find([PhotoId("one", owner) for owner in OWNERS]) == results
    assert len({holder(nodes, f"{{{owner}}}:result:one") for owner in OWNERS}) > 1
    for owner in OWNERS:
        keys = [f"{{{owner}}}:result:one", f"{{{owner}}}seen@{owner}:photo:one"]
        assert len({holder(nodes, key) for key in keys}) == 1
        assert write(store, "two", "2", phash(1), owner=owner) == near("one", 1)


def test_a_look_up_waits_for_no_node_but_its_own(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_on(nodes, BY_OWNER)
    get, begun, end = store.nodes.get, threading.Semaphore(0), threading.Event()

    def slow(names: Sequence[str]) -> list[Any]:
        begun.release()
        assert end.wait(PATIENCE)
        return get(names)

    monkeypatch.setattr(store.nodes, "get", slow)
    index = Index(store.nodes, store.index.keys, store.index.rule)
    with ThreadPoolExecutor(len(OWNERS)) as threads:
        asked = [threads.submit(index.find_same_bytes, PhotoId("one", owner), "1") for owner in OWNERS]
        under_way = [begun.acquire(timeout=PATIENCE) for _ in OWNERS]
        end.set()
        assert [one.result() for one in asked] == [[]] * len(OWNERS)
    assert all(under_way)


def test_the_first_write_after_a_slot_has_moved_fails_and_the_next_one_succeeds(nodes: Nodes) -> None:
    store = store_on(nodes, ONE_SLOT)
    write(store, "one", "1", phash(0))
    key = "{photos}:result:one"
    source = holder(nodes, key)
    target = (source + 1) % len(nodes)
    move(nodes, key, source, target)
    with pytest.raises(StoreError, match="MovedError"):
        store.write([photo("two", "2", phash(1))], [""])
    assert write(store, "two", "2", phash(1)) == near("one", 1)
    assert holder(nodes, "{photos}:result:two") == target


def test_the_rights_of_the_security_page_and_two_more_are_enough(nodes: Nodes) -> None:
    rights = RIGHTS.replace("~result:* ~seen*", "~{photos}*").replace("&result:*", "&{photos}*")
    for node in nodes:
        user = ["SETUSER", "scorer", "reset", "on", ">pw", *rights.split(), "+cluster|slots", "+command"]
        ask(node, *user, command="ACL")
    store = connect(url_of(nodes[0], "scorer:pw@"), template=ONE_SLOT)
    assert write(store, "one", "1", phash(0)) is None
    store.note_survived(["message"])
    store.begin_trial("message")
    assert store.tries(["message"]) == [Tries(1, unfinished=True)]
    assert store.forget(PhotoId("one"))


def test_readers_of_all_owners_hear_on_one_connection(nodes: Nodes) -> None:
    store = store_on(nodes, BY_OWNER)
    rig = ReadersRig(store)

    async def test() -> None:
        waiters = [rig.wait("one", owner=owner) for owner in OWNERS]
        await until(lambda: sum(len(node.pubsub_channels()) for node in nodes) == len(OWNERS))
        assert sum(len(node.client_list(_type="pubsub")) for node in nodes) == 1
        results = [photo("one", "1", owner=owner) for owner in OWNERS]
        begun = time.monotonic()
        await asyncio.to_thread(store.write, results, [""] * len(OWNERS))
        assert await asyncio.gather(*waiters) == results
        assert time.monotonic() - begun < PATIENCE / 2

    rig.run(test)


def test_readers_move_to_another_node_when_theirs_ends(tmp_path: Path) -> None:
    with cluster(tmp_path) as nodes:
        rig = ReadersRig(store_on(nodes, BY_OWNER))
        here, there = _owner_at(nodes, 0), _owner_at(nodes, 1)

        async def test() -> None:
            mine, other = rig.wait("one", owner=here), rig.wait("one", owner=there)
            await until(lambda: len(nodes[0].pubsub_channels()) == 2)
            nodes[0].shutdown(nosave=True)
            await until(lambda: any(len(node.pubsub_channels()) == 2 for node in alive(nodes)))
            nodes[1].set(f"{{{there}}}:result:one", photo("one", "1", owner=there).model_dump_json())
            nodes[1].publish(f"{{{there}}}:result:one", "")
            assert await other == photo("one", "1", owner=there)
            mine.cancel()

        rig.run(test)


def _owner_at(nodes: Nodes, number: int) -> str:
    """An owner whose keys are on a node."""
    owners = (f"owner-{count}" for count in itertools.count())
    return next(one for one in owners if ask(nodes[0], "KEYSLOT", f"{{{one}}}") * NODES // SLOTS == number)


def test_while_nodes_are_away_calls_raise_a_store_error(tmp_path: Path) -> None:
    with cluster(tmp_path) as nodes:
        store = store_on(nodes, ONE_SLOT)
        write(store, "one", "1", phash(0))
        nodes[holder(nodes, "{photos}:result:one")].shutdown(nosave=True)
        for gone in range(2):  # first one node, then all
            for _ in range(3):
                with pytest.raises(StoreError):
                    store.write([photo("two", "2", phash(1))], [""])
                with pytest.raises(StoreError):
                    store.find([PhotoId("one")])
            if not gone:
                for node in alive(nodes):
                    node.shutdown(nosave=True)


def test_a_cluster_that_cannot_be_reached_is_reported(tmp_path: Path) -> None:
    with cluster(tmp_path) as nodes:
        url = url_of(nodes[0])
    with pytest.raises(ConfigurationError, match="cannot be reached"):
        connect(url, template=ONE_SLOT, timeout=1)


def test_a_worker_and_its_client_only_need_the_hash_tag(nodes: Nodes, rig: Rig) -> None:
    rig.environment.update({"WORKER_REDIS_URL": url_of(nodes[2]), "WORKER_RESULT_KEY": ONE_SLOT})
    client = Client(settings.load(rig.environment))
    with rig.worker():
        first = client.wait(client.submit(coffee()), PATIENCE)
        copy = client.wait(client.submit(coffee()), PATIENCE)
    assert first.status == "scored"
    assert (copy.reused_from, copy.score_mean) == (first.image_id, first.score_mean)
