"""Redis as a cluster, as ElastiCache runs it: results and index over three real nodes, and a slot that moves."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from tests.integration.redis.cluster import ask, cluster, port_of
from tests.integration.redis.results import RIGHTS, near, phash, seen_as, sha256, write
from tests.support.photos import coffee
from tests.support.rig import Rig
from tests.support.waiting import PATIENCE, eventually
from worker import settings
from worker.adapters.redis.store import RedisStore
from worker.client import Client
from worker.errors import ConfigurationError, StoreError
from worker.messages import Answer, PhotoId
from worker.result import DuplicateOf
from worker.results.look_alikes import DuplicateRule, Fingerprint
from worker.results.redis_keys import Keys

Nodes = Sequence["redis.Redis"]
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
    url = f"redis://127.0.0.1:{port_of(nodes[1])}/0"
    return RedisStore.connect(url, keys=Keys(template), expiry=60, timeout=2, rule=DuplicateRule(6, 60))


def holder(nodes: Nodes, key: str) -> int:
    """Which node has a key."""
    return next(number for number, node in enumerate(nodes) if key in node.keys("*"))


def test_a_template_without_a_hash_tag_is_refused(nodes: Nodes) -> None:
    with pytest.raises(ConfigurationError, match="WORKER_RESULT_KEY needs a hash tag"):
        store_on(nodes, "result:{image_id}")


def test_results_and_index_work_as_on_a_single_redis(nodes: Nodes) -> None:
    store = store_on(nodes, ONE_SLOT)
    assert store.find([PhotoId("one")]) == [None]
    with store.announcements(PhotoId("one")) as announcements:
        assert write(store, seen_as("one", "1", phash(0))) is None
        announced = announcements.next(5.0)
        assert announced is not None
        assert announced.image_id == "one"
    assert write(store, seen_as("two", "1", phash(0))) == DuplicateOf(
        image_id="one", distance=0, kind="exact"
    )
    assert write(store, seen_as("three", "3", phash(3))) == near("one", 2)
    assert store.write([seen_as("three", "3", phash(3))], [""])[0].answer is Answer.KNOWN
    alike = store.find_look_alike(PhotoId("four"), phash(1))
    assert alike is not None
    assert alike.image_id == "one"
    assert store.forget(PhotoId("one"))
    just_now = nodes[0].time()[0] * 1_000_000 - 1_000_000
    assert store.index.enter([(PhotoId("four"), Fingerprint(sha256("4"), phash(255 << 8)), just_now)]) == [
        True
    ]
    assert write(store, seen_as("six", "6", phash(254 << 8))) == near("four", 1)
    assert write(store, seen_as("five", "5", phash(0))) == near("two", 0)


def test_owners_are_spread_and_written_together(nodes: Nodes) -> None:
    store = store_on(nodes, BY_OWNER)
    results = [seen_as("one", "1", phash(0), owner=owner) for owner in OWNERS]
    assert [one.answer for one in store.write(results, [""] * len(OWNERS))] == [Answer.WRITTEN] * len(OWNERS)
    assert store.find([PhotoId("one", owner) for owner in OWNERS]) == results
    assert len({holder(nodes, f"{{{owner}}}:result:one") for owner in OWNERS}) > 1
    for owner in OWNERS:
        keys = [f"{{{owner}}}:result:one", f"{{{owner}}}seen@{owner}:photo:one"]
        assert len({holder(nodes, key) for key in keys}) == 1
        assert write(store, seen_as("two", "2", phash(1), owner=owner)) == near("one", 1)


def test_a_slot_that_moves_costs_one_failed_write_which_commit_repeats(nodes: Nodes) -> None:
    store = store_on(nodes, ONE_SLOT)
    write(store, seen_as("one", "1", phash(0)))
    key = "{photos}:result:one"
    source = holder(nodes, key)
    target = (source + 1) % len(nodes)
    move(nodes, key, source, target)
    with pytest.raises(StoreError, match="MovedError"):
        store.write([seen_as("two", "2", phash(1))], [""])
    assert write(store, seen_as("two", "2", phash(1))) == near("one", 1)
    assert holder(nodes, "{photos}:result:two") == target


def test_the_rights_of_the_security_page_and_two_more_are_enough(nodes: Nodes) -> None:
    rights = RIGHTS.replace("~result:* ~seen*", "~{photos}*").replace("&result:*", "&{photos}*")
    for node in nodes:
        user = ["SETUSER", "scorer", "reset", "on", ">pw", *rights.split(), "+cluster|slots", "+command"]
        ask(node, *user, command="ACL")
    url = f"redis://scorer:pw@127.0.0.1:{port_of(nodes[0])}/0"
    store = RedisStore.connect(url, keys=Keys(ONE_SLOT), expiry=60, timeout=2, rule=DuplicateRule(6, 60))
    assert write(store, seen_as("one", "1", phash(0))) is None
    assert store.forget(PhotoId("one"))


def test_while_a_node_is_away_writes_fail_and_nothing_else_does(tmp_path: Path) -> None:
    with cluster(tmp_path) as nodes:
        store = store_on(nodes, ONE_SLOT)
        write(store, seen_as("one", "1", phash(0)))
        nodes[holder(nodes, "{photos}:result:one")].shutdown(nosave=True)
        for gone in range(2):  # it alone; then all of them
            for _ in range(3):
                with pytest.raises(StoreError):
                    store.write([seen_as("two", "2", phash(1))], [""])
                with pytest.raises(StoreError):
                    store.find([PhotoId("one")])
            if not gone:
                for node in alive(nodes):
                    node.shutdown(nosave=True)


def test_a_cluster_that_is_not_there_is_said(tmp_path: Path) -> None:
    with cluster(tmp_path) as nodes:
        port = port_of(nodes[0])
    with pytest.raises(ConfigurationError, match="cannot be reached"):
        RedisStore.connect(f"redis://127.0.0.1:{port}/0", keys=Keys(ONE_SLOT), expiry=60, timeout=1)


def test_a_worker_and_its_client_need_no_more_than_the_tag(nodes: Nodes, rig: Rig) -> None:
    url = f"redis://127.0.0.1:{port_of(nodes[2])}/0"
    rig.environment.update({"WORKER_REDIS_URL": url, "WORKER_RESULT_KEY": ONE_SLOT})
    client = Client(settings.load(rig.environment))
    with rig.worker():
        first = client.wait(client.submit(coffee()), PATIENCE)
        copy = client.wait(client.submit(coffee()), PATIENCE)
    assert first.status == "scored"
    assert (copy.reused_from, copy.score_mean) == (first.image_id, first.score_mean)


def alive(nodes: Nodes) -> Iterator["redis.Redis"]:
    for node in nodes:
        with suppress(redis.ConnectionError):
            node.ping()
            yield node


def move(nodes: Nodes, key: str, source: int, target: int) -> None:
    """Move a key's slot with all that is in it."""
    ids = [ask(node, "MYID") for node in nodes]
    slot = ask(nodes[0], "KEYSLOT", key)
    ask(nodes[target], "SETSLOT", slot, "IMPORTING", ids[source])
    ask(nodes[source], "SETSLOT", slot, "MIGRATING", ids[target])
    keys = ask(nodes[source], "GETKEYSINSLOT", slot, 1000)
    ask(nodes[source], "127.0.0.1", port_of(nodes[target]), "", 0, 5000, "KEYS", *keys, command="MIGRATE")
    for node in (nodes[target], nodes[source]):
        ask(node, "SETSLOT", slot, "NODE", ids[target])
    eventually(
        lambda: all(owner_of(node, slot) == port_of(nodes[target]) for node in nodes),
        lambda: [owner_of(node, slot) for node in nodes],
    )


def owner_of(node: "redis.Redis", slot: int) -> int:
    """The port of the node that another believes to have a slot."""
    return next(int(primary[1]) for first, last, primary, *_ in ask(node, "SLOTS") if first <= slot <= last)
