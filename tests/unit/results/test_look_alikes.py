"""Tests of multi-index hashing: no hash within the radius is missed, and no bucket is read in vain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.results import look_alikes
from worker.results.look_alikes import Fingerprint
from worker.results.redis_keys import IndexKeys

KEYS = IndexKeys("seen:")


def as_hash(bits: int, width: int = 64) -> str:
    return f"phash-1:{bits:0{width // 4}x}"


@pytest.mark.parametrize("width", [64, 256])
@given(data=st.data(), radius=st.integers(0, 11))
def test_a_bucket_of_every_hash_within_the_radius_is_read(
    width: int, data: st.DataObject, radius: int
) -> None:
    bits = data.draw(st.integers(0, 2**width - 1))
    flipped = data.draw(st.sets(st.integers(0, width - 1), max_size=radius))
    stored = bits ^ sum(1 << bit for bit in flipped)
    assert set(KEYS.buckets(as_hash(bits, width), radius)) & set(KEYS.buckets(as_hash(stored, width)))


@pytest.mark.parametrize(
    ("width", "radius", "count"),
    [(64, 0, 4), (64, 3, 4), (64, 4, 20), (64, 6, 52), (64, 7, 68), (64, 8, 188), (256, 31, 272)],
)
def test_no_bucket_is_read_twice_or_in_vain(width: int, radius: int, count: int) -> None:
    names = KEYS.buckets(as_hash(0, width), radius)
    assert len(names) == len(set(names)) == look_alikes.count_buckets(width, radius) == count


@pytest.mark.parametrize(("width", "radius"), [(64, 14), (256, 47)])
def test_the_widest_radius_is_the_last_that_reads_few_enough_buckets(width: int, radius: int) -> None:
    assert look_alikes.widest_radius(width) == radius
    most = look_alikes.MOST_BUCKETS
    assert look_alikes.count_buckets(width, radius) <= most < look_alikes.count_buckets(width, radius + 1)


def test_a_hash_is_in_one_bucket_per_band_and_those_come_first() -> None:
    image_hash = "phash-1:ffffffffffffffff"
    own = [f"seen:phash-1:{band}:ffff" for band in range(4)]
    assert KEYS.buckets(image_hash) == own
    assert KEYS.buckets(image_hash, 6)[:4] == own


@pytest.mark.parametrize("width", [64, 256])
def test_each_bit_is_in_one_band_and_neighbours_are_in_different_bands(width: int) -> None:
    names = [KEYS.buckets(as_hash(1 << bit, width)) for bit in range(width)]
    bands = [[n for n, name in enumerate(of_bit) if not name.endswith(":0000")] for of_bit in names]
    assert all(len(of_bit) == 1 for of_bit in bands)
    empty = width // 16
    assert len({name for of_bit in names for name in of_bit}) == width + empty
    lowest_frequencies = (width - 1, width - 2, width - 1 - int(width**0.5))
    assert len({bands[bit][0] for bit in lowest_frequencies}) == 3


def test_a_photo_without_a_hash_is_in_no_bucket() -> None:
    assert KEYS.buckets(None) == []
    assert Fingerprint("ab" * 32, None).bits == b""


@pytest.mark.parametrize("image_hash", [None, "phash-1:0123456789abcdef"])
def test_a_record_reads_as_it_was_written(image_hash: str | None) -> None:
    fingerprint = Fingerprint("ab" * 32, image_hash)
    assert Fingerprint.read(f"{fingerprint} 1764000000000000") == fingerprint


@pytest.mark.parametrize(
    "record", ["", "x", "a b c d", "a phash-1:zzzz 1", "a phash-1:01 1", "a phash-1: 1 1"]
)
def test_text_that_is_not_a_record_is_refused(record: str) -> None:
    with pytest.raises(ValueError, match=r"unpack|hex|not a hash"):
        Fingerprint.read(record)


def test_only_hashes_of_the_same_algorithm_and_version_have_a_distance() -> None:
    assert look_alikes.distance(as_hash(5), as_hash(6)) == 2
    assert look_alikes.distance(as_hash(5), None) is None
    assert look_alikes.distance(as_hash(5), "phash-2:0000000000000005") is None
