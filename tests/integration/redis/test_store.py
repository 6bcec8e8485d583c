"""The store's script on a real Valkey: it compares and writes in one step, by the rule of results/known.py."""

import pytest

from tests.integration.redis.results import result
from tests.support.overtaken import is_overtaken
from tests.support.rig import Rig
from worker.adapters.redis.store import RedisStore
from worker.messages import Answer, PhotoId, S3Object, Written
from worker.result import Result
from worker.results.known import makes_needless
from worker.results.redis_keys import Keys


@pytest.fixture
def store(rig: Rig) -> RedisStore:
    url = rig.environment["WORKER_REDIS_URL"]
    return RedisStore.connect(url, keys=Keys("result:{image_id}"), expiry=60, timeout=2)


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
    (result(failed="unreadable_image"), result()),
    (result(failed="object_gone", etag=None), result()),
    (result(failed="object_gone"), result()),
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
def test_the_script_and_the_rules_agree(store: RedisStore, old: Result, new: Result, seen: str) -> None:
    announced = S3Object(**new.source.model_dump())
    assert store.write([old], [""]) == [Written(Answer.WRITTEN)]
    expected = "overtaken" if is_overtaken(old, announced, seen) else "written"
    if makes_needless(old, announced, new.models):
        expected = "known"
    assert store.write([new], [seen]) == [Written(Answer(expected))]
    assert store.find([PhotoId("one")]) == [new if expected == "written" else old]


def test_that_an_object_is_gone_now_takes_no_score_away(store: RedisStore) -> None:
    store.write([result()], [""])
    assert store.write([result(failed="object_gone", etag=None)], [""]) == [Written(Answer.KNOWN)]
    assert store.find([PhotoId("one")]) == [result()]


@pytest.mark.parametrize("foreign", [b"\xff\xfe", b"{}", b"null", b'{"source": 1}'])
def test_a_value_that_is_no_result_is_overwritten(store: RedisStore, rig: Rig, foreign: bytes) -> None:
    rig.redis.set("result:one", foreign)
    assert store.find([PhotoId("one")]) == [None]
    assert store.write([result()], [""]) == [Written(Answer.WRITTEN)]
    assert store.find([PhotoId("one")]) == [result()]


def test_a_key_of_another_type_is_overwritten_like_all_that_is_no_result(store: RedisStore, rig: Rig) -> None:
    rig.redis.lpush("result:one", "x")
    assert store.find([PhotoId("one")]) == [None]
    assert store.write([result()], [""]) == [Written(Answer.WRITTEN)]
    assert store.find([PhotoId("one")]) == [result()]
