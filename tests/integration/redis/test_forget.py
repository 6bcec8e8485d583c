"""Tests of `forget` on a real Valkey: nothing stays of a photo, also if it is in work or half lost."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.redis.photos import connect, enter, exact, near, now, phash, photo, write
from tests.support.rig import Rig
from worker.adapters.redis.store import FORGOTTEN_FOR, RedisStore
from worker.messages import Answer, PhotoId, Written

ONE = PhotoId("one")
MARK = "seen:forgotten:one"
HOUR = timedelta(hours=1)


def at(store: RedisStore) -> datetime:
    """The time of Redis, rounded down to a second."""
    return datetime.fromtimestamp(now(store) / 1_000_000, UTC)


def write_begun(store: RedisStore, begun: datetime | None) -> Written:
    """Write the result of photo `one`, which was uploaded at a moment."""
    return store.write([photo("one", "1", phash(0))], [""], [begun])[0]


@pytest.mark.parametrize("known", [True, False])
def test_a_photo_in_work_leaves_nothing(store: RedisStore, rig: Rig, known: bool) -> None:
    if known:
        write(store, "one", "1", phash(0))
    assert store.forget(ONE) is known
    assert write_begun(store, at(store) - HOUR) == Written(Answer.FORGOTTEN)
    assert write_begun(store, None) == Written(Answer.FORGOTTEN)
    assert set(rig.redis.keys("*")) <= {MARK, "seen:clock"}
    assert not store.forget(ONE)


def test_the_mark_is_of_one_photo_and_ends(store: RedisStore, rig: Rig) -> None:
    store.forget(ONE)
    assert FORGOTTEN_FOR - 60 < rig.redis.ttl(MARK) <= FORGOTTEN_FOR
    assert write(store, "two", "1") is None


def test_a_photo_uploaded_after_it_was_forgotten_is_written(store: RedisStore) -> None:
    store.forget(ONE)
    assert write_begun(store, at(store) + HOUR) == Written(Answer.WRITTEN)
    assert write(store, "two", "1", phash(0)) == exact("one")


def test_a_photo_is_forgotten_again_by_the_later_moment(store: RedisStore, rig: Rig) -> None:
    rig.redis.set(MARK, "1000")
    assert write_begun(store, at(store) - HOUR) == Written(Answer.WRITTEN)
    assert store.forget(ONE)
    assert write_begun(store, at(store) - HOUR) == Written(Answer.FORGOTTEN)


def test_a_damaged_mark_counts_for_nothing(store: RedisStore, rig: Rig) -> None:
    rig.redis.lpush(MARK, "x")
    assert write_begun(store, at(store)) == Written(Answer.WRITTEN)


@pytest.mark.parametrize("window", [0, 60])
def test_it_holds_with_and_without_an_index(rig: Rig, window: int) -> None:
    store = connect(rig.environment["WORKER_REDIS_URL"], window=window)
    store.forget(ONE)
    assert write_begun(store, at(store) - HOUR) == Written(Answer.FORGOTTEN)
    assert rig.redis.keys("*") == [MARK]


def test_other_owners_photos_of_the_same_id_stay(rig: Rig) -> None:
    store = connect(rig.environment["WORKER_REDIS_URL"], template="result:{owner}:{image_id}")
    for owner in ("ada", "bob"):
        write(store, "one", "1", phash(0), owner=owner)
    assert store.forget(PhotoId("one", "ada"))
    assert store.find([PhotoId("one", "ada"), PhotoId("one", "bob")])[1] is not None
    results = [photo("one", "1", phash(0), owner=owner) for owner in ("ada", "bob")]  # once more
    answers = store.write(results, [""] * 2, [at(store) - HOUR] * 2)
    assert [one.answer for one in answers] == [Answer.FORGOTTEN, Answer.WRITTEN]


def test_a_photo_without_a_record_is_removed_by_its_result(store: RedisStore, rig: Rig) -> None:
    write(store, "one", "1", phash(0))
    write(store, "other", "2", phash(1 << 63))
    rig.redis.delete("seen:photo:one")  # as if Redis had evicted it
    assert store.forget(ONE)
    assert write(store, "two", "1", phash(0)) == near("other", 1)


@pytest.mark.parametrize("value", ["{}", "no result", ""])
def test_a_value_that_is_no_result_is_deleted_too(store: RedisStore, rig: Rig, value: str) -> None:
    rig.redis.set("result:one", value)
    assert store.forget(ONE)
    assert rig.redis.get("result:one") is None


def test_rehash_does_not_bring_a_forgotten_photo_back(store: RedisStore) -> None:
    store.forget(ONE)
    assert not enter(store, "one", "1", phash(0), now(store) - 5_000_000)
    assert store.index.read([ONE]) == [None]
    assert enter(store, "one", "1", phash(0), now(store) + 5_000_000)
