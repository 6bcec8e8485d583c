"""The index on a real Valkey: nothing within the radius is missed, the oldest wins, and nothing is left behind."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localstack.services import Services
from tests.integration.redis.results import near, phash, result, seen_as, sha256, write
from tests.support.rig import Rig
from tests.support.waiting import eventually
from worker.adapters.redis.store import RedisStore
from worker.messages import Answer, PhotoId, Written
from worker.result import DuplicateOf
from worker.results import look_alikes
from worker.results.look_alikes import DuplicateRule, Fingerprint
from worker.results.redis_keys import Keys

WINDOW = 60  # seconds


def pdq(bits: int) -> str:
    return f"pdq-1:{bits:064x}"


def exact(image_id: str) -> DuplicateOf:
    return DuplicateOf(image_id=image_id, distance=0, kind="exact")


def store_on(
    rig: Rig, radius: int = 6, window: int = WINDOW, template: str = "result:{image_id}"
) -> RedisStore:
    url = rig.environment["WORKER_REDIS_URL"]
    return RedisStore.connect(
        url, keys=Keys(template), expiry=WINDOW, timeout=2, rule=DuplicateRule(radius, window)
    )


@pytest.fixture
def store(rig: Rig) -> RedisStore:
    return store_on(rig)


# against brute force


@dataclass(frozen=True)
class Known:
    """What a look at all photos would see."""

    image_id: str
    bits: int


@pytest.fixture(scope="module")
def url(services: Services) -> str:
    return services.environment()["WORKER_REDIS_URL"]


HASHES = st.integers(0, 2**64 - 1)
FLIPS = st.sets(st.integers(0, 63), max_size=14)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(centres=st.lists(HASHES, min_size=1, max_size=3), data=st.data(), radius=st.integers(0, 11))
def test_every_hash_within_the_radius_is_found_and_the_oldest_wins(
    url: str, centres: list[int], data: st.DataObject, radius: int
) -> None:
    """Photos come and go; at each the index answers as a look at all of them would."""
    store = RedisStore.connect(
        url, keys=Keys("result:{image_id}"), expiry=WINDOW, timeout=2, rule=DuplicateRule(radius, WINDOW)
    )
    assert isinstance(store.nodes.client.flushdb(), bool)
    known = list[Known]()
    for number in range(data.draw(st.integers(1, 12))):
        if known and data.draw(st.integers(0, 5)) == 0:
            gone = data.draw(st.sampled_from(known))
            assert store.forget(PhotoId(gone.image_id))
            known.remove(gone)
        bits = data.draw(st.sampled_from(centres)) ^ sum(1 << bit for bit in data.draw(FLIPS))
        photo = seen_as(f"image-{number}", str(number), phash(bits))
        within = [old for old in known if (old.bits ^ bits).bit_count() <= radius]
        expected = near(within[0].image_id, (within[0].bits ^ bits).bit_count()) if within else None
        alike = store.find_look_alike(PhotoId(photo.image_id), phash(bits))
        assert (alike.image_id if alike else None) == (expected.image_id if expected else None)
        assert write(store, photo) == expected
        known.append(Known(photo.image_id, bits))
    for one in known:
        assert store.forget(PhotoId(one.image_id))
    assert store.nodes.client.keys("*") in ([], ["seen:clock"])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bits=st.integers(0, 2**256 - 1),
    flips=st.sets(st.integers(0, 255), max_size=40),
    radius=st.integers(0, 31),
)
def test_so_it_is_for_hashes_of_256_bits(url: str, bits: int, flips: set[int], radius: int) -> None:
    store = RedisStore.connect(
        url, keys=Keys("result:{image_id}"), expiry=WINDOW, timeout=2, rule=DuplicateRule(radius, WINDOW)
    )
    store.nodes.client.flushdb()
    write(store, seen_as("one", "1", pdq(bits)))
    other = bits ^ sum(1 << bit for bit in flips)
    expected = near("one", len(flips)) if len(flips) <= radius else None
    assert write(store, seen_as("two", "2", pdq(other))) == expected


def test_the_widest_radius_is_not_too_much_for_the_script(rig: Rig) -> None:
    store = store_on(rig, radius=look_alikes.widest_radius(64))
    write(store, seen_as("one", "1", phash(0)))
    assert write(store, seen_as("two", "2", phash(2**14 - 1))) == near("one", 14)


# who is the original


def test_a_photo_with_the_same_bytes_is_an_exact_duplicate(store: RedisStore) -> None:
    assert write(store, seen_as("one", "bytes", None)) is None
    assert write(store, seen_as("two", "bytes", None)) == DuplicateOf(
        image_id="one", distance=0, kind="exact"
    )
    assert write(store, seen_as("three", "bytes", None)) == DuplicateOf(
        image_id="one", distance=0, kind="exact"
    )


def test_the_same_bytes_count_for_more_than_an_older_look_alike(store: RedisStore) -> None:
    write(store, seen_as("old", "other", phash(1)))
    write(store, seen_as("one", "bytes", phash(0)))
    copied = write(store, seen_as("two", "bytes", phash(0)))
    assert copied == DuplicateOf(image_id="one", distance=0, kind="exact")


def test_when_the_first_is_forgotten_the_latest_copy_stands_for_it_and_nobody_names_a_younger_one(
    store: RedisStore, rig: Rig
) -> None:
    for name in ("one", "two", "three"):
        write(store, seen_as(name, "bytes", None))
    assert store.forget(PhotoId("one"))
    assert write(store, seen_as("four", "bytes", None)) == exact("three")
    for name in ("two", "three"):
        rig.redis.delete(f"result:{name}")
    assert write(store, seen_as("two", "bytes", None)) is None
    assert write(store, seen_as("three", "bytes", None)) == exact("two")


def test_a_result_is_found_by_its_bytes_as_long_as_the_first_or_the_latest_has_one(
    store: RedisStore, rig: Rig
) -> None:
    for name in ("one", "two", "three"):
        write(store, seen_as(name, "bytes", None))
    rig.redis.delete("result:one")
    original = store.find_original(PhotoId("four"), sha256("bytes"))
    assert original is not None
    assert original.image_id == "three"


def test_a_result_of_other_bytes_than_the_index_knew_is_nobodys_original(store: RedisStore, rig: Rig) -> None:
    write(store, seen_as("one", "bytes", phash(0)))
    forgetful = store_on(rig, window=0)
    assert (
        forgetful.write([seen_as("one", "others", phash(2**40 - 1))], ["bytes"])[0].answer is Answer.WRITTEN
    )
    assert store.find_original(PhotoId("two"), sha256("bytes")) is None
    assert store.find_look_alike(PhotoId("two"), phash(0)) is None


def test_what_is_entered_late_does_not_take_the_place_of_newer_content(store: RedisStore) -> None:
    write(store, seen_as("one", "new", phash(0)))
    moment = 1_000_000 * store.nodes.client.time()[0] - 10_000_000
    assert not entered(store, PhotoId("one"), Fingerprint(sha256("old"), phash(2**40 - 1)), moment)
    assert write(store, seen_as("two", "new", phash(0))) == exact("one")


def test_of_many_copies_the_youngest_is_still_known_when_the_oldest_have_aged(store: RedisStore) -> None:
    soon_aged = 1_000_000 * (store.nodes.client.time()[0] - WINDOW + 3)
    for number in range(16):
        assert entered(
            store, PhotoId(f"old-{number}"), Fingerprint(sha256(str(number)), phash(0)), soon_aged + number
        )
    for number in range(3):
        write(store, seen_as(f"young-{number}", f"young {number}", phash(0)))
    eventually(
        lambda: (
            (found := store.find_look_alike(PhotoId("x"), phash(0))) is not None
            and found.image_id == "young-2"
        )
    )
    assert write(store, seen_as("last", "last", phash(1))) == near("young-2", 1)


def test_a_photo_scored_anew_is_no_duplicate_of_a_younger_one(store: RedisStore, rig: Rig) -> None:
    write(store, seen_as("one", "1", phash(0)))
    assert write(store, seen_as("two", "2", phash(3))) == near("one", 2)
    rig.redis.delete("result:one")
    assert write(store, seen_as("one", "1", phash(0))) is None
    rig.redis.delete("result:two")
    assert write(store, seen_as("two", "2", phash(3))) == near("one", 2)


def test_of_two_workers_with_the_same_photo_at_the_same_time_one_has_the_original(rig: Rig) -> None:
    stores = [store_on(rig) for _ in range(4)]
    start = threading.Barrier(4, timeout=10)

    def write_all(number: int) -> list[Written]:
        start.wait()
        return stores[number].write(
            [seen_as(f"{number}-{n}", f"{n}", phash(n << 32)) for n in range(50)], [""] * 50
        )

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(write_all, range(4)))
    for n in range(50):
        said = [answers[number][n].duplicate_of for number in range(4)]
        originals = [number for number in range(4) if said[number] is None]
        assert len(originals) == 1 or n > 0  # near ones of another n may be older
        exact = [d.image_id for d in said if d is not None and d.kind == "exact"]
        assert len(exact) == 3
        assert len(set(exact)) == 1


def test_a_result_that_is_not_written_leaves_no_trace(store: RedisStore, rig: Rig) -> None:
    write(store, seen_as("one", "1", phash(0)))
    before = {key: rig.redis.dump(key) for key in rig.redis.keys("*")}
    assert store.write([seen_as("one", "1", phash(255))], [""]) == [Written(Answer.KNOWN)]
    assert before == {key: rig.redis.dump(key) for key in rig.redis.keys("*")}
    assert write(store, seen_as("two", "2", phash(255))) is None


def test_a_photo_that_is_overwritten_is_found_by_its_new_content_alone(store: RedisStore) -> None:
    write(store, seen_as("one", "1", phash(0)))
    store.write([seen_as("one", "2", phash(2**40 - 1))], ["1"])
    assert write(store, seen_as("two", "1", phash(0))) is None
    assert write(store, seen_as("three", "3", phash(2**40 - 1))) == near("one", 0)


def test_a_photo_that_cannot_be_read_any_more_is_no_original(store: RedisStore) -> None:
    write(store, seen_as("one", "1", phash(0)))
    broken = result("one", failed="unreadable_image", key="uploads/one", etag="2", sha256=sha256("2"))
    assert store.write([broken], ["1"])[0].answer is Answer.WRITTEN
    assert write(store, seen_as("two", "1", phash(0))) is None


def test_entries_of_another_algorithm_are_never_compared(store: RedisStore) -> None:
    write(store, seen_as("one", "1", phash(0)))
    assert write(store, seen_as("two", "2", "dhash-1:" + "0" * 16)) is None
    assert write(store, seen_as("three", "3", "phash-2:" + "0" * 16)) is None


def test_a_picture_sent_a_thousand_times_does_not_make_look_ups_slow(store: RedisStore, rig: Rig) -> None:
    for number in range(100):
        write(store, seen_as(f"copy-{number}", str(number), phash(7)))
    assert max(map(rig.redis.strlen, rig.redis.keys("seen:phash-1:*"))) < 17 * 30
    assert write(store, seen_as("again", "again", phash(7))) == near("copy-0", 0)


@pytest.mark.parametrize(
    "image_id",
    [
        "0b6c3a1e-0000-4000-8000-0000000000ff",
        "0B6C3A1E-0000-4000-8000-0000000000FF",
        "0b6c3a1e-0000-4000-8000-0000000000fg",
        "0b6c3a1-0000-4000-8000-00000000000ff",
        "x" * 16,
        "y" * 128,
        "z",
        "1.5_a-b",
    ],
)
def test_an_image_id_of_any_kind_comes_back_as_it_was(store: RedisStore, image_id: str) -> None:
    """Entries of several kinds lie in one bucket, one after the other."""
    write(store, seen_as("some-other", "0", phash(2**48)))
    write(store, seen_as(image_id, "1", phash(0)))
    write(store, seen_as("0b6c3a1e-0000-4000-8000-000000000000", "2", phash(2**64 - 2**16)))
    assert write(store, seen_as("third", "3", phash(1))) == near("some-other", 2)
    assert store.forget(PhotoId("some-other"))
    assert write(store, seen_as("fourth", "4", phash(3))) == near(image_id, 2)
    assert store.forget(PhotoId(image_id))
    assert write(store, seen_as("fifth", "5", phash(3))) == near("third", 1)


# owners


def test_duplicates_are_looked_for_among_the_photos_of_one_owner(rig: Rig) -> None:
    store = store_on(rig, template="result:{owner}:{image_id}")
    write(store, seen_as("one", "1", phash(0), owner="ada"))
    assert write(store, seen_as("one", "1", phash(0), owner="bob")) is None
    assert write(store, seen_as("two", "1", phash(0), owner="ada")) is not None
    assert store.find_original(PhotoId("three", "carl"), sha256("1")) is None
    original = store.find_original(PhotoId("three", "bob"), sha256("1"))
    assert original is not None
    assert original.owner == "bob"


# what ages, what is forgotten


def test_entries_expire_and_nothing_is_left(rig: Rig) -> None:
    store = store_on(rig, window=1)
    write(store, seen_as("one", "1", phash(0)))
    assert write(store, seen_as("two", "2", phash(1))) == near("one", 1)
    eventually(lambda: not rig.redis.keys("seen*"), lambda: rig.redis.keys("seen*"))
    assert write(store, seen_as("three", "1", phash(1))) is None


def test_an_aged_entry_is_not_found_and_goes_when_its_bucket_is_written(rig: Rig) -> None:
    """A bucket that is written again and again never expires as a whole."""
    old, young = store_on(rig), store_on(rig, window=1)
    write(old, seen_as("one", "1", phash(0)))
    bucket = "seen:phash-1:0:0000"
    (length,) = {rig.redis.strlen(bucket)}
    eventually(lambda: young.find_look_alike(PhotoId("other"), phash(0)) is None)
    assert write(young, seen_as("two", "2", phash(0))) is None
    assert rig.redis.strlen(bucket) == length
    assert rig.redis.ttl(bucket) > 1  # what another window still needs is not cut short


def test_who_is_forgotten_leaves_no_key_behind(store: RedisStore, rig: Rig) -> None:
    write(store, seen_as("one", "1", phash(0)))
    rig.redis.delete("result:one")  # results may expire long before
    assert store.forget(PhotoId("one"))
    assert rig.redis.keys("*") == ["seen:clock"]
    assert not store.forget(PhotoId("one"))
    assert write(store, seen_as("two", "1", phash(0))) is None


def test_forgetting_a_copy_leaves_the_original(store: RedisStore) -> None:
    write(store, seen_as("one", "1", phash(0)))
    write(store, seen_as("two", "1", phash(0)))
    assert store.forget(PhotoId("two"))
    assert write(store, seen_as("three", "1", phash(0))) == DuplicateOf(
        image_id="one", distance=0, kind="exact"
    )


def test_without_a_window_nothing_is_kept(rig: Rig) -> None:
    store = store_on(rig, window=0)
    write(store, seen_as("one", "1", phash(0)))
    assert write(store, seen_as("two", "1", phash(0))) is None
    assert sorted(rig.redis.keys("*")) == ["result:one", "result:two"]


@pytest.mark.parametrize(
    "key", ["seen:photo:one", "seen:exact:" + sha256("1"), "seen:clock", "seen:phash-1:0:0000"]
)
def test_a_key_of_another_type_is_replaced(store: RedisStore, rig: Rig, key: str) -> None:
    rig.redis.lpush(key, "x")
    assert write(store, seen_as("one", "1", phash(0))) is None
    assert write(store, seen_as("two", "2", phash(0))) == near("one", 0)


# what is entered later


def entered(store: RedisStore, photo: PhotoId, seen: Fingerprint, moment: int) -> bool:
    return store.index.enter([(photo, seen, moment)])[0]


def test_what_is_entered_later_counts_from_when_it_was_stored(store: RedisStore) -> None:
    write(store, seen_as("young", "1", phash(0)))
    moment = 1_000_000 * store.nodes.client.time()[0] - 30_000_000
    assert entered(store, PhotoId("old"), Fingerprint(sha256("1"), phash(1)), moment)
    assert entered(store, PhotoId("older"), Fingerprint(sha256("2"), phash(3)), moment - 1)
    assert not entered(store, PhotoId("older"), Fingerprint(sha256("2"), phash(3)), moment - 1)
    assert write(store, seen_as("new", "3", phash(0))) == near("older", 2)
    assert write(store, seen_as("copy", "1", phash(0))) == DuplicateOf(
        image_id="old", distance=0, kind="exact"
    )
    assert not entered(
        store, PhotoId("aged"), Fingerprint(sha256("9"), phash(0)), moment - WINDOW * 1_000_000
    )
