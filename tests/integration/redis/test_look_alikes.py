"""Tests of look-ups on a real Valkey: none within the radius is missed, and the oldest wins."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.redis.photos import (
    WINDOW,
    connect,
    enter,
    find_look_alike,
    left_over,
    near,
    now,
    phash,
    write,
)
from tests.support.rig import Rig
from tests.support.waiting import eventually
from worker.adapters.redis.store import RedisStore
from worker.messages import PhotoId
from worker.results import look_alikes

HASHES = st.integers(0, 2**64 - 1)
FLIPS = st.sets(st.integers(0, 63), max_size=14)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(centres=st.lists(HASHES, min_size=1, max_size=3), data=st.data(), radius=st.integers(0, 11))
def test_every_hash_within_the_radius_is_found_and_the_oldest_wins(
    url: str, centres: list[int], data: st.DataObject, radius: int
) -> None:
    """While photos come and go, the index always answers like a comparison with all of them."""
    store = connect(url, radius=radius)
    assert isinstance(store.nodes.client.flushdb(), bool)
    known = dict[str, int]()  # bits by image id, the oldest first
    for number in range(data.draw(st.integers(1, 12))):
        if known and data.draw(st.integers(0, 5)) == 0:
            gone = data.draw(st.sampled_from(sorted(known)))
            assert store.forget(PhotoId(gone))
            del known[gone]
        bits = data.draw(st.sampled_from(centres)) ^ sum(1 << bit for bit in data.draw(FLIPS))
        distances = {old: (old_bits ^ bits).bit_count() for old, old_bits in known.items()}
        oldest = next((old for old, distance in distances.items() if distance <= radius), None)
        image_id = f"image-{number}"
        assert find_look_alike(store, image_id, phash(bits)) == oldest
        expected = near(oldest, distances[oldest]) if oldest else None
        assert write(store, image_id, str(number), phash(bits)) == expected
        known[image_id] = bits
    for image_id in known:
        assert store.forget(PhotoId(image_id))
    assert left_over(store) == []


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bits=st.integers(0, 2**256 - 1),
    flips=st.sets(st.integers(0, 255), max_size=40),
    radius=st.integers(0, 31),
)
def test_hashes_of_256_bits_are_found_too(url: str, bits: int, flips: set[int], radius: int) -> None:
    store = connect(url, radius=radius)
    store.nodes.client.flushdb()
    other = bits ^ sum(1 << bit for bit in flips)
    write(store, "one", "1", f"pdq-1:{bits:064x}")
    expected = near("one", len(flips)) if len(flips) <= radius else None
    assert write(store, "two", "2", f"pdq-1:{other:064x}") == expected


@pytest.mark.usefixtures("rig")
def test_the_script_can_search_the_widest_radius(url: str) -> None:
    store = connect(url, radius=look_alikes.widest_radius(64))
    write(store, "one", "1", phash(0))
    assert write(store, "two", "2", phash(2**14 - 1)) == near("one", 14)


def test_hashes_of_different_algorithms_are_never_compared(store: RedisStore) -> None:
    write(store, "one", "1", phash(0))
    assert write(store, "two", "2", "dhash-1:" + "0" * 16) is None
    assert write(store, "three", "3", "phash-2:" + "0" * 16) is None


def test_a_picture_sent_a_thousand_times_does_not_make_look_ups_slow(store: RedisStore, rig: Rig) -> None:
    for number in range(100):
        write(store, f"copy-{number}", str(number), phash(7))
    assert max(map(rig.redis.strlen, rig.redis.keys("seen:phash-1:*"))) < 17 * 64
    assert write(store, "again", "again", phash(7)) == near("copy-0", 0)


def test_the_youngest_of_many_copies_is_still_known_after_the_oldest_have_aged(store: RedisStore) -> None:
    ages_soon = now(store) - (WINDOW - 3) * 1_000_000
    for number in range(16):
        assert enter(store, f"old-{number}", str(number), phash(0), ages_soon + number)
    for number in range(3):
        write(store, f"young-{number}", f"young {number}", phash(0))
    eventually(lambda: find_look_alike(store, "x", phash(0)) == "young-2")
    assert write(store, "last", "last", phash(1)) == near("young-2", 1)


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
def test_any_image_id_is_read_as_it_was_written(store: RedisStore, image_id: str) -> None:
    """One bucket has entries of several kinds, one after the other."""
    write(store, "some-other", "0", phash(2**48))
    write(store, image_id, "1", phash(0))
    write(store, "0b6c3a1e-0000-4000-8000-000000000000", "2", phash(2**64 - 2**16))
    assert write(store, "third", "3", phash(1)) == near("some-other", 2)
    assert store.forget(PhotoId("some-other"))
    assert write(store, "fourth", "4", phash(3)) == near(image_id, 2)
    assert store.forget(PhotoId(image_id))
    assert write(store, "fifth", "5", phash(3)) == near("third", 1)
