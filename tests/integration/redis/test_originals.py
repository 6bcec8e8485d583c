"""Tests of originals on a real Valkey: which photo is the original of which."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.redis.photos import connect, exact, find_look_alike, near, phash, photo, sha256, write
from tests.support.results import make_result
from tests.support.rig import Rig
from worker.adapters.redis.calls import Call
from worker.adapters.redis.store import RedisStore
from worker.messages import Answer, PhotoId, Written
from worker.results.known import state

SEEN = state(make_result())  # stored when a photo was looked up


def test_a_photo_with_the_same_bytes_is_an_exact_duplicate(store: RedisStore) -> None:
    assert write(store, "one", "bytes") is None
    assert write(store, "two", "bytes") == exact("one")
    assert write(store, "three", "bytes") == exact("one")


def test_the_same_bytes_count_more_than_an_older_look_alike(store: RedisStore) -> None:
    write(store, "old", "other", phash(1))
    write(store, "one", "bytes", phash(0))
    assert write(store, "two", "bytes", phash(0)) == exact("one")


def test_after_the_first_is_forgotten_the_latest_copy_is_the_original_but_not_of_older_ones(
    store: RedisStore, rig: Rig
) -> None:
    for name in ("one", "two", "three"):
        write(store, name, "bytes")
    assert store.forget(PhotoId("one"))
    assert write(store, "four", "bytes") == exact("three")
    for name in ("two", "three"):
        rig.redis.delete(f"result:{name}")
    assert write(store, "two", "bytes") is None
    assert write(store, "three", "bytes") == exact("two")


def test_a_result_is_found_by_its_bytes_if_the_first_or_the_latest_photo_has_one(
    store: RedisStore, rig: Rig
) -> None:
    for name in ("one", "two", "three"):
        write(store, name, "bytes")
    rig.redis.delete("result:one")
    original = store.find_original(PhotoId("four"), sha256("bytes"))
    assert original is not None
    assert original.image_id == "three"


def test_a_result_whose_bytes_differ_from_the_index_is_not_an_original(store: RedisStore, url: str) -> None:
    write(store, "one", "bytes", phash(0))
    other = photo("one", "others", phash(2**40 - 1))
    assert connect(url, window=0).write([other], [SEEN])[0].answer is Answer.WRITTEN
    assert store.find_original(PhotoId("two"), sha256("bytes")) is None
    assert find_look_alike(store, "two", phash(0)) is None


def test_a_photo_scored_again_is_not_a_duplicate_of_a_younger_one(store: RedisStore, rig: Rig) -> None:
    write(store, "one", "1", phash(0))
    assert write(store, "two", "2", phash(3)) == near("one", 2)
    rig.redis.delete("result:one")
    assert write(store, "one", "1", phash(0)) is None
    rig.redis.delete("result:two")
    assert write(store, "two", "2", phash(3)) == near("one", 2)


def test_a_photo_is_never_its_own_original(store: RedisStore, rig: Rig) -> None:
    write(store, "one", "1", phash(0))
    assert find_look_alike(store, "one", phash(0)) is None
    rig.redis.delete("result:one", "seen:photo:one")  # Redis evicts what it likes
    assert write(store, "one", "1", phash(1)) is None


@pytest.mark.usefixtures("rig")
def test_if_workers_write_the_same_photo_at_the_same_time_one_has_the_original(url: str) -> None:
    stores = [connect(url) for _ in range(4)]
    start = threading.Barrier(4, timeout=10)

    def write_all(number: int) -> list[Written]:
        start.wait()
        photos = [photo(f"{number}-{n}", f"{n}", phash(n << 32)) for n in range(50)]
        return stores[number].write(photos, [""] * 50)

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(write_all, range(4)))
    for n in range(50):
        duplicates = [answers[number][n].duplicate_of for number in range(4)]
        originals = [number for number in range(4) if duplicates[number] is None]
        assert len(originals) == 1 or n > 0  # look-alikes of another n may be older
        copied = [one.image_id for one in duplicates if one is not None and one.kind == "exact"]
        assert len(copied) == 3
        assert len(set(copied)) == 1


def test_a_result_that_is_not_written_leaves_no_trace(store: RedisStore, rig: Rig) -> None:
    write(store, "one", "1", phash(0))
    before = {key: rig.redis.dump(key) for key in rig.redis.keys("*")}
    (written,) = store.write([photo("one", "1", phash(255))], [""])
    assert written == Written(Answer.KNOWN, stored=store.find([PhotoId("one")])[0])
    assert before == {key: rig.redis.dump(key) for key in rig.redis.keys("*")}
    assert write(store, "two", "2", phash(255)) is None


def test_an_overwritten_photo_is_found_only_by_its_new_content(store: RedisStore) -> None:
    write(store, "one", "1", phash(0))
    store.write([photo("one", "2", phash(2**40 - 1))], [SEEN])
    assert write(store, "two", "1", phash(0)) is None
    assert write(store, "three", "3", phash(2**40 - 1)) == near("one", 0)


def test_any_number_of_overwritten_photos_takes_four_calls(store: RedisStore) -> None:
    names = [f"photo-{n}" for n in range(20)]
    for n, name in enumerate(names):
        write(store, name, f"old-{n}", phash(n << 32))
    runs, run = list[int](), store.nodes.run

    def count(calls: Sequence[Call]) -> list[Any]:
        runs.append(len(calls))
        return run(calls)

    store.nodes.run = count  # type: ignore[method-assign] # a store with a counter
    newer = [photo(name, f"new-{n}", phash(n << 32)) for n, name in enumerate(names)]
    answers = store.write(newer, [SEEN] * 20)
    assert [one.answer for one in answers] == [Answer.WRITTEN] * 20
    assert runs == [20] * 4


def test_a_photo_that_became_unreadable_is_not_an_original(store: RedisStore) -> None:
    write(store, "one", "1", phash(0))
    broken = make_result("one", code="unreadable_image", key="uploads/one", etag="2", sha256=sha256("2"))
    assert store.write([broken], [SEEN])[0].answer is Answer.WRITTEN
    assert write(store, "two", "1", phash(0)) is None


@pytest.mark.usefixtures("rig")
def test_only_photos_of_the_same_owner_are_compared(url: str) -> None:
    store = connect(url, template="result:{owner}:{image_id}")
    write(store, "one", "1", phash(0), owner="ada")
    assert write(store, "one", "1", phash(0), owner="bob") is None
    assert write(store, "two", "1", phash(0), owner="ada") is not None
    assert store.find_original(PhotoId("three", "carl"), sha256("1")) is None
    original = store.find_original(PhotoId("three", "bob"), sha256("1"))
    assert original is not None
    assert original.owner == "bob"
