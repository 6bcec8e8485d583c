"""Tests of the write on a real Valkey: it compares and writes in one step, by the rules of results/known.py."""

from contextlib import ExitStack, closing
from dataclasses import replace

import pytest
from redis import Redis

from localstack.services import HOST, Services
from tests.integration.redis.photos import connect, find_look_alike, phash, photo
from tests.support.faults.wire import Wire
from tests.support.results import another_try
from tests.support.results import make_result as result
from tests.support.rig import Rig
from worker.adapters.redis.calls import Call, Refused
from worker.adapters.redis.store import NOTE_EXPIRY, RedisStore
from worker.errors import ResultRefusedError, StoreError
from worker.messages import Answer, PhotoId, Written
from worker.result import DuplicateOf
from worker.results.look_alikes import DuplicateRule
from worker.results.store import Tries


@pytest.fixture
def store(rig: Rig) -> RedisStore:
    return connect(rig.environment["WORKER_REDIS_URL"], window=0)


@pytest.mark.parametrize("foreign", [b"\xff\xfe", b"{}", b"null", b'{"source": 1}'])
def test_a_value_that_is_not_a_result_is_overwritten(store: RedisStore, rig: Rig, foreign: bytes) -> None:
    rig.redis.set("result:one", foreign)
    assert store.find([PhotoId("one")]) == [None]
    assert store.write([result()], [""]) == [Written(Answer.WRITTEN)]
    assert store.find([PhotoId("one")]) == [result()]


def test_a_key_of_another_type_is_overwritten(store: RedisStore, rig: Rig) -> None:
    rig.redis.lpush("result:one", "x")
    assert store.find([PhotoId("one")]) == [None]
    assert store.write([result()], [""]) == [Written(Answer.WRITTEN)]
    assert store.find([PhotoId("one")]) == [result()]


def test_a_result_whose_answer_was_lost_counts_as_written(store: RedisStore) -> None:
    ours, theirs = photo("one", "1"), another_try(photo("one", "1"))
    copy = Written(Answer.WRITTEN, DuplicateOf(image_id="other", distance=0, kind="exact"))
    with_index = replace(store, index=replace(store.index, rule=DuplicateRule(radius=6, window=60)))
    with_index.write([photo("other", "1")], [""])
    assert with_index.write([ours], [""]) == [copy]
    later = ours.model_copy(update={"timings_ms": {"commit": 900.0, "total": 900.0}, "scored_at": "later"})
    stored = ours.model_copy(update={"duplicate_of": copy.duplicate_of})
    assert with_index.write([later], [""]) == [copy._replace(stored=stored)]
    assert with_index.write([theirs], [""]) == [Written(Answer.KNOWN, stored=stored)]
    assert with_index.find([PhotoId("one")]) == [stored]


TOO_LONG = "x" * 256  # an entry of the index has one byte for the length of an id


def test_a_result_that_redis_refuses_is_named_and_the_others_are_written(rig: Rig) -> None:
    store = connect(rig.environment["WORKER_REDIS_URL"])
    hashes = {"one": phash(0), TOO_LONG: phash(2**20 - 1), "two": phash(2**40 - 1)}
    results = [photo(name, name, image_hash) for name, image_hash in hashes.items()]
    one, refused, two = store.write(results, [""] * 3)
    assert (one.answer, two.answer) == (Answer.WRITTEN, Answer.WRITTEN)
    assert (refused.answer, "user_script" in refused.reason) == (Answer.REFUSED, True)
    assert store.find([PhotoId(name) for name in hashes]) == [results[0], None, results[2]]


def test_a_look_up_that_redis_refuses_is_an_error_of_this_photo(rig: Rig) -> None:
    store = connect(rig.environment["WORKER_REDIS_URL"])
    with pytest.raises(ResultRefusedError, match="user_script"):
        find_look_alike(store, TOO_LONG, phash(0))


def run_script(store: RedisStore, lua: str) -> object:
    """Run Lua on the key of a result."""
    return store.nodes.run([Call("result:one", "EVAL", lua, 1, "result:one")])[0]


SET = "return redis.call('SET', KEYS[1], 1, 'EX', 1)"


@pytest.mark.parametrize("lua", ["error('no')", "return 1 + nil", SET.replace("'EX', 1", "'EX', 0")])
def test_a_script_that_fails_by_itself_is_told_from_a_server_in_trouble(store: RedisStore, lua: str) -> None:
    assert isinstance(run_script(store, lua), Refused)


@pytest.mark.parametrize(
    ("trouble", "healthy"),
    [
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
        ("CONFIG SET min-replicas-to-write 1", "CONFIG SET min-replicas-to-write 0"),
        ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
        ("ACL SETUSER default -set", "ACL SETUSER default +set"),
    ],
)
def test_a_server_that_takes_no_writes_is_not_taken_for_a_bad_result(
    store: RedisStore, rig: Rig, trouble: str, healthy: str
) -> None:
    rig.redis.execute_command(*trouble.split())
    try:
        with pytest.raises(StoreError) as by_script:
            run_script(store, SET)
        with pytest.raises(StoreError) as by_write:
            store.write([result()], [""])
        assert not {by_script.type, by_write.type} & {ResultRefusedError}
    finally:
        rig.redis.execute_command(*healthy.split())
    assert store.write([result()], [""]) == [Written(Answer.WRITTEN)]


def test_what_is_known_of_a_messages_tries_is_kept_for_a_while(store: RedisStore, rig: Rig) -> None:
    assert store.tries(["one", "other"]) == [Tries(), Tries()]
    store.begin_trial("one")
    assert store.tries(["other", "one"]) == [Tries(), Tries(0, unfinished=True)]
    for _ in range(2):
        store.note_survived(["one", "other"])
    store.begin_trial("one")
    assert store.tries(["other", "one"]) == [Tries(2), Tries(2, unfinished=True)]
    expiries = [rig.redis.ttl(key) for key in rig.redis.keys("seen:tries:*")]
    assert len(expiries) == 2
    assert 0 < min(expiries) <= max(expiries) <= NOTE_EXPIRY
    store.note_survived(["one"])
    assert store.tries(["one"]) == [Tries(3)]
    rig.redis.set("seen:tries:one", "a word")
    assert store.tries(["one"]) == [Tries()]


@pytest.mark.parametrize("is_new", [False, True])
def test_a_redis_that_hangs_is_tried_twice(services: Services, is_new: bool) -> None:
    """The drain deadline reckons with that: a call ends after two time-outs, also on a new connection."""
    with closing(Wire(services.redis_port)) as wire, ExitStack() as taken:
        store = connect(f"redis://{HOST}:{wire.port}", timeout=0.1)
        if is_new:  # as for the second of two threads
            assert isinstance(store.nodes.client, Redis)
            taken.enter_context(store.nodes.client.client())  # type: ignore[no-untyped-call] # redis-py leaves it untyped
        wire.set("hang")
        before = wire.accepted
        with pytest.raises(StoreError, match="Timeout"):
            store.find([PhotoId("one")])
        assert wire.accepted - before == (2 if is_new else 1)
