"""Tests of the write on a real Valkey: it compares and writes in one step, by the rules of results/known.py."""

import pytest

from tests.integration.redis.photos import connect, phash, photo
from tests.support.overtaken import is_overtaken
from tests.support.results import make_result as result
from tests.support.rig import Rig
from worker.adapters.redis.calls import Call, Refused
from worker.adapters.redis.store import NOTE_EXPIRY, RedisStore
from worker.errors import ResultRefusedError, StoreError
from worker.messages import Answer, PhotoId, S3Object, Written
from worker.result import Result
from worker.results.known import makes_needless
from worker.results.store import Tries


@pytest.fixture
def store(rig: Rig) -> RedisStore:
    return connect(rig.environment["WORKER_REDIS_URL"], window=0)


PAIRS = [
    (result(), result()),
    (result(), result(etag="f")),
    (result(), result(key="other")),
    (result(), result(bucket="other")),
    (result(), result(models="2")),
    (result(models="2"), result()),
    (result(models="10"), result(models="9")),
    (result(models="9"), result(models="10")),
    (result(models="next"), result()),
    (result(), result(models="next")),
    (result(models="02"), result(models="2")),
    (result(version_id="v1"), result(version_id="v1", etag="f")),
    (result(version_id="v1"), result(version_id="v2")),
    (result(version_id="v1"), result()),
    (result(sequencer="0A"), result(sequencer="0A1", etag="f")),
    (result(sequencer="0A1"), result(sequencer="0a", etag="f")),
    (result(sequencer="0A10"), result(sequencer="0A1", etag="f")),
    (result(sequencer="0A1"), result(sequencer="0A2")),
    (result(sequencer="0A1"), result(etag="f")),
    (result(code="unreadable_image"), result()),
    (result(code="object_gone", etag=None), result()),
    (result(code="object_gone"), result()),
    (result(etag=None), result(etag=None)),
    (result(), result(sequencer="0A1")),  # a direct request, and S3's notification of the same bytes
    (result(sequencer="0A1"), result()),
    (result(version_id="v1"), result(version_id="v1", sequencer="0A1")),
    (result(version_id="v2"), result(version_id="v1", sequencer="0A1")),
    (result(sequencer="0A1", etag="f"), result()),
    (result(etag="f"), result(sequencer="0A1")),
]


@pytest.mark.parametrize("seen", ["", "e", "f", "v1"])
@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_the_script_follows_the_rules(store: RedisStore, old: Result, new: Result, seen: str) -> None:
    event = S3Object(**new.source.model_dump())
    assert store.write([old], [""]) == [Written(Answer.WRITTEN)]
    expected = "overtaken" if is_overtaken(old, event, seen) else "written"
    if makes_needless(old, event, new.models):
        expected = "known"
    assert store.write([new], [seen]) == [Written(Answer(expected))]
    assert store.find([PhotoId("one")]) == [new if expected == "written" else old]


def test_object_gone_does_not_overwrite_a_score(store: RedisStore) -> None:
    store.write([result()], [""])
    assert store.write([result(code="object_gone", etag=None)], [""]) == [Written(Answer.KNOWN)]
    assert store.find([PhotoId("one")]) == [result()]


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
        store.find_look_alike(PhotoId(TOO_LONG), phash(0))


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
    assert all(0 < rig.redis.ttl(key) <= NOTE_EXPIRY for key in rig.redis.keys("seen:tries:*"))
    store.note_survived(["one"])
    assert store.tries(["one"]) == [Tries(3)]
    rig.redis.set("seen:tries:one", "a word")
    assert store.tries(["one"]) == [Tries()]
