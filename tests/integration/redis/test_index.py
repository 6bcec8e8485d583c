"""Tests of the index on a real Valkey: what ages, what is forgotten, and what is entered later."""

import pytest

from tests.integration.redis.photos import WINDOW, connect, enter, exact, near, now, phash, sha256, write
from tests.support.rig import Rig
from tests.support.waiting import eventually
from worker.adapters.redis.store import RedisStore
from worker.messages import PhotoId


def test_entries_expire_and_leave_nothing(url: str, rig: Rig) -> None:
    store = connect(url, window=1)
    write(store, "one", "1", phash(0))
    assert write(store, "two", "2", phash(1)) == near("one", 1)
    eventually(lambda: not rig.redis.keys("seen*"), lambda: rig.redis.keys("seen*"))
    assert write(store, "three", "1", phash(1)) is None


def test_an_aged_entry_is_not_found_and_is_removed_when_its_bucket_is_written(url: str, rig: Rig) -> None:
    """A bucket that is written again and again never expires as a whole."""
    old, young = connect(url), connect(url, window=1)
    write(old, "one", "1", phash(0))
    bucket = "seen:phash-1:0:0000"
    length = rig.redis.strlen(bucket)
    eventually(lambda: young.find_look_alike(PhotoId("other"), phash(0)) is None)
    assert write(young, "two", "2", phash(0)) is None
    assert rig.redis.strlen(bucket) == length
    assert rig.redis.ttl(bucket) > 1  # what another window still needs is not cut short


def test_a_forgotten_photo_leaves_no_key(store: RedisStore, rig: Rig) -> None:
    write(store, "one", "1", phash(0))
    rig.redis.delete("result:one")  # results may expire long before
    assert store.forget(PhotoId("one"))
    assert rig.redis.keys("*") == ["seen:clock"]
    assert not store.forget(PhotoId("one"))
    assert write(store, "two", "1", phash(0)) is None


def test_forgetting_a_copy_leaves_the_original(store: RedisStore) -> None:
    write(store, "one", "1", phash(0))
    write(store, "two", "1", phash(0))
    assert store.forget(PhotoId("two"))
    assert write(store, "three", "1", phash(0)) == exact("one")


def test_without_a_window_nothing_is_kept(url: str, rig: Rig) -> None:
    store = connect(url, window=0)
    write(store, "one", "1", phash(0))
    assert write(store, "two", "1", phash(0)) is None
    assert sorted(rig.redis.keys("*")) == ["result:one", "result:two"]


@pytest.mark.parametrize(
    "key", ["seen:photo:one", "seen:exact:" + sha256("1"), "seen:clock", "seen:phash-1:0:0000"]
)
def test_a_key_of_another_type_is_replaced(store: RedisStore, rig: Rig, key: str) -> None:
    rig.redis.lpush(key, "x")
    assert write(store, "one", "1", phash(0)) is None
    assert write(store, "two", "2", phash(0)) == near("one", 0)


def test_photos_entered_later_count_from_the_time_they_were_stored(store: RedisStore) -> None:
    write(store, "young", "1", phash(0))
    moment = now(store) - 30_000_000
    assert enter(store, "old", "1", phash(1), moment)
    assert enter(store, "older", "2", phash(3), moment - 1)
    assert not enter(store, "older", "2", phash(3), moment - 1)
    assert write(store, "new", "3", phash(0)) == near("older", 2)
    assert write(store, "copy", "1", phash(0)) == exact("old")
    assert not enter(store, "aged", "9", phash(0), moment - WINDOW * 1_000_000)


def test_a_photo_entered_later_does_not_replace_newer_content(store: RedisStore) -> None:
    write(store, "one", "new", phash(0))
    assert not enter(store, "one", "old", phash(2**40 - 1), now(store) - 10_000_000)
    assert write(store, "two", "new", phash(0)) == exact("one")
