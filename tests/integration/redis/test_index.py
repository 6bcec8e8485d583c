"""Tests of the index on a real Valkey: what ages, what is forgotten, and what is entered later."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.integration.redis.photos import (
    GREY,
    WINDOW,
    connect,
    enter,
    exact,
    find_look_alike,
    left_over,
    near,
    now,
    phash,
    photo,
    sha256,
    write,
)
from tests.support.results import make_result
from tests.support.rig import Rig
from tests.support.waiting import eventually
from worker.adapters.redis.store import RedisStore
from worker.messages import Answer, PhotoId
from worker.photos.looks import Look
from worker.results.known import state
from worker.results.look_alikes import Fingerprint


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
    eventually(lambda: young.index.find_look_alike(PhotoId("other"), Look(phash(0), GREY)) is None)
    assert write(young, "two", "2", phash(0)) is None
    assert rig.redis.strlen(bucket) == length
    assert rig.redis.ttl(bucket) > 1  # what another window still needs is not cut short


def test_a_bucket_lives_as_long_as_its_latest_entry(store: RedisStore, rig: Rig) -> None:
    bucket = "seen:phash-1:0:0000"
    write(store, "one", "1", phash(0))
    rig.redis.expire(bucket, WINDOW // 2)  # half the window has passed
    write(store, "two", "2", phash(0))
    assert rig.redis.ttl(bucket) > WINDOW // 2


def test_a_forgotten_photo_leaves_no_key(store: RedisStore, rig: Rig) -> None:
    write(store, "one", "1", phash(0))
    rig.redis.delete("result:one")  # results may expire long before
    assert store.forget(PhotoId("one"))
    assert left_over(store) == []
    assert not store.forget(PhotoId("one"))
    assert write(store, "two", "1", phash(0)) is None


def test_forgetting_a_copy_leaves_the_original(store: RedisStore) -> None:
    write(store, "one", "1", phash(0))
    write(store, "two", "1", phash(0))
    assert store.forget(PhotoId("two"))
    assert write(store, "three", "1", phash(0)) == exact("one")


def test_what_a_forgotten_photo_shared_with_others_still_expires(store: RedisStore, rig: Rig) -> None:
    for name in ("one", "two"):
        write(store, name, "1", phash(0))
    assert store.forget(PhotoId("one"))
    assert min(rig.redis.ttl(name) for name in rig.redis.keys("seen:*")) > 0


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


def test_a_photo_entered_with_a_hash_of_another_algorithm_leaves_its_old_one(store: RedisStore) -> None:
    pdq = f"pdq-1:{0:064x}"
    write(store, "one", "1", phash(0))
    assert enter(store, "one", "1", pdq, now(store) - 10_000_000)
    found = [store.index.find_look_alike(PhotoId("two"), Look(one, GREY)) for one in (pdq, phash(0))]
    assert found == [PhotoId("one"), None]


def test_a_photo_whose_bytes_look_different_now_is_entered_anew(store: RedisStore) -> None:
    """As after a change of WORKER_COLOURS: of the same algorithm, but of other pixels."""
    write(store, "one", "1", phash(0), colours=None)
    moment = now(store) - 10_000_000
    assert enter(store, "one", "1", phash(2**40 - 1), moment)
    assert store.index.read([PhotoId("one")]) == [Fingerprint(sha256("1"), phash(2**40 - 1))]
    found = [store.index.find_look_alike(PhotoId("x"), Look(phash(b), GREY)) for b in (2**40 - 1, 0)]
    assert found == [PhotoId("one"), None]
    assert not enter(store, "one", "1", phash(2**40 - 1), moment)
    assert store.forget(PhotoId("one"))
    assert left_over(store) == []


DAMAGED_BUCKETS = [
    b"x",
    b"\0" * 8,
    b"\0" * 17,  # an entry without its id
    b"\0" * 16 + b"\x05abc",  # an entry whose id is cut short
    b"\xff" * 1000,
]


@pytest.mark.parametrize("damaged", DAMAGED_BUCKETS)
@pytest.mark.parametrize("band", [0, 3])
def test_a_damaged_bucket_counts_as_empty_and_is_written_anew(
    store: RedisStore, rig: Rig, damaged: bytes, band: int
) -> None:
    bucket = f"seen:phash-1:{band}:0000"
    write(store, "one", "1", phash(0))
    rig.redis.set(bucket, damaged)
    assert find_look_alike(store, "other", phash(1)) == "one"  # by its other buckets
    assert write(store, "two", "2", phash(0)) == near("one", 0)
    assert rig.redis.strlen(bucket) == 8 + 8 + 1 + len("two") + 8 + 8 + 1 + 17  # with its colours
    assert write(store, "three", "3", phash(0)) == near("one", 0)


@pytest.mark.parametrize("damaged", DAMAGED_BUCKETS)
def test_photos_are_entered_and_forgotten_in_spite_of_a_damaged_bucket(
    store: RedisStore, rig: Rig, damaged: bytes
) -> None:
    write(store, "one", "1", phash(0))
    for band in range(4):
        rig.redis.set(f"seen:phash-1:{band}:0000", damaged)
    assert enter(store, "late", "2", phash(0), now(store) - 1_000_000)
    assert write(store, "two", "3", phash(0)) == near("late", 0)
    rig.redis.set("seen:phash-1:0:0000", damaged)
    for name in ("one", "late", "two"):
        assert store.forget(PhotoId(name))
    assert left_over(store) == []


@pytest.mark.parametrize("damaged_id", [b'a"b', b"a b", b"a\xffb"])
def test_an_id_that_no_photo_has_is_not_shown_as_an_original(
    store: RedisStore, rig: Rig, damaged_id: bytes
) -> None:
    """Damaged bytes may still read as an entry."""
    moment = (now(store) - 1_000_000).to_bytes(8, "big")
    rig.redis.set("seen:phash-1:0:0000", bytes(8) + moment + bytes([len(damaged_id)]) + damaged_id)
    assert write(store, "one", "1", phash(0)) is None


def test_what_another_worker_writes_during_a_removal_is_removed_too(store: RedisStore, url: str) -> None:
    write(store, "one", "1", phash(0))
    get, other = store.nodes.get, connect(url)

    def get_before_the_other_writes(names: Sequence[str]) -> list[Any]:
        found, store.nodes.get = get(names), get  # type: ignore[method-assign] # only once
        changed = photo("one", "2", phash(2**40 - 1))
        assert other.write([changed], [state(make_result())])[0].answer is Answer.WRITTEN
        return found

    store.nodes.get = get_before_the_other_writes  # type: ignore[method-assign] # as if at the same time
    assert store.index.remove(PhotoId("one"))
    assert left_over(store) == ["result:one"]


@pytest.mark.parametrize("key", ["seen:photo:one", "seen:exact:" + sha256("1"), "seen:clock"])
@pytest.mark.parametrize(
    "damaged",
    ["x", "9" * 400, "nan", "inf", f"{sha256('1')} phash-1:{0:016x} {'9' * 30}", "1 2 3 4 5", '9 "'],
)
def test_a_damaged_key_of_the_index_is_replaced(store: RedisStore, rig: Rig, key: str, damaged: str) -> None:
    rig.redis.set(key, damaged)
    assert write(store, "one", "1", phash(0)) is None
    assert write(store, "two", "1", phash(0)) == exact("one")
    assert 0 < rig.redis.ttl("seen:photo:two") <= 2 * WINDOW
