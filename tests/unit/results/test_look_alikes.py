"""Multi-index hashing: the buckets that are read hold every hash within the radius, and no more than needed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.results import look_alikes
from worker.results.look_alikes import Seen


def named(bits: int, width: int = 64) -> str:
    return f"phash-1:{bits:0{width // 4}x}"


@pytest.mark.parametrize("width", [64, 256])
@given(data=st.data(), radius=st.integers(0, 11))
def test_whatever_is_within_the_radius_lies_in_a_bucket_that_is_read(
    width: int, data: st.DataObject, radius: int
) -> None:
    bits = data.draw(st.integers(0, 2**width - 1))
    flipped = data.draw(st.sets(st.integers(0, width - 1), max_size=radius))
    stored = bits ^ sum(1 << bit for bit in flipped)
    read = look_alikes.buckets("", named(bits, width), radius)
    assert set(read) & set(look_alikes.buckets("", named(stored, width), 0))


@pytest.mark.parametrize(
    ("bits", "radius", "count"),
    [(64, 0, 4), (64, 3, 4), (64, 4, 20), (64, 6, 52), (64, 7, 68), (64, 8, 188), (256, 31, 272)],
)
def test_no_more_buckets_are_read_than_that_takes(bits: int, radius: int, count: int) -> None:
    names = look_alikes.buckets("seen:", named(0, bits), radius)
    assert len(names) == len(set(names)) == look_alikes.reads(bits, radius) == count


@pytest.mark.parametrize(("bits", "radius"), [(64, 14), (256, 47)])
def test_the_widest_radius_is_the_last_that_reads_few_enough_buckets(bits: int, radius: int) -> None:
    assert look_alikes.widest_radius(bits) == radius
    assert look_alikes.reads(bits, radius) <= look_alikes.WIDEST < look_alikes.reads(bits, radius + 1)


def test_a_hash_lies_in_one_bucket_of_each_band_and_those_come_first() -> None:
    seen = Seen("ab" * 32, "phash-1:ffffffffffffffff")
    own = [f"seen:phash-1:{band}:ffff" for band in range(4)]
    assert seen.own_buckets("seen:") == own
    assert look_alikes.buckets("seen:", seen.image_hash, 6)[:4] == own


@pytest.mark.parametrize("width", [64, 256])
def test_each_bit_lies_in_one_band_and_neighbours_in_different_ones(width: int) -> None:
    bands = width // 16
    names = [look_alikes.buckets("", named(1 << bit, width), 0) for bit in range(width)]
    where = [[n for n, name in enumerate(of_bit) if not name.endswith(":0000")] for of_bit in names]
    assert all(len(found) == 1 for found in where)
    assert len({name for of_bit in names for name in of_bit}) == width + bands  # and the empty ones
    lowest = (width - 1, width - 2, width - 1 - int(width**0.5))  # three lowest frequencies
    assert len({where[bit][0] for bit in lowest}) == 3


def test_a_photo_without_a_hash_lies_in_none() -> None:
    assert Seen("ab" * 32, None).own_buckets("seen:") == []
    assert Seen("ab" * 32, None).bits == b""


@pytest.mark.parametrize("image_hash", [None, "phash-1:0123456789abcdef"])
def test_a_record_reads_as_it_was_written(image_hash: str | None) -> None:
    seen = Seen("ab" * 32, image_hash)
    assert Seen.read(f"{seen} 1764000000000000") == seen


@pytest.mark.parametrize(
    "record", ["", "x", "a b c d", "a phash-1:zzzz 1", "a phash-1:01 1", "a phash-1: 1 1"]
)
def test_what_is_no_record_is_refused(record: str) -> None:
    with pytest.raises(ValueError, match=r"unpack|hex|no hash"):
        Seen.read(record)


def test_only_hashes_of_one_algorithm_and_version_have_a_distance() -> None:
    assert look_alikes.distance(named(5), named(6)) == 2
    assert look_alikes.distance(named(5), None) is None
    assert look_alikes.distance(named(5), "phash-2:0000000000000005") is None
