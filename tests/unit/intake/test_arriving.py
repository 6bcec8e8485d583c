"""A photo's bytes while they arrive: tiny pieces take little more memory than their bytes."""

import hashlib
import sys

import pytest

from worker.intake.arriving import SMALL, Arriving

SLOT = 8  # bytes that a list takes for each of its entries


def arrive(sent: list[bytes]) -> list[bytes]:
    """The pieces that are kept of those that are sent, which are the same bytes."""
    pieces = list[bytes]()
    arriving = Arriving(pieces)
    for piece in sent:
        arriving.add(piece)
    sha256, whole = arriving.end(), b"".join(sent)
    assert b"".join(pieces) == whole
    assert (arriving.size, sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
    return pieces


def test_small_pieces_are_joined_and_large_ones_kept_as_they_are() -> None:
    large = bytes(SMALL)
    pieces = arrive([b"a"] * 3 + [large] + [b"b" * 1000] * 7)
    assert [len(piece) for piece in pieces] == [3, SMALL, 5000, 2000]
    assert pieces[1] is large


def test_small_pieces_are_joined_as_soon_as_they_are_no_small_one_any_more() -> None:
    assert [len(piece) for piece in arrive([b"a" * (SMALL // 4)] * 5)] == [SMALL, SMALL // 4]


@pytest.mark.parametrize(
    "sent",
    [[b"a"] * 100_000, [b"", b"a"] * 100_000, [b"a" * (SMALL - 1)] * 100, [b"a" * SMALL, b"b"] * 100],
    ids=["single bytes", "empty ones between", "just small", "by turns"],
)
def test_however_small_the_pieces_are_they_take_little_more_than_their_bytes(sent: list[bytes]) -> None:
    pieces = arrive(sent)
    taken = sum(sys.getsizeof(piece) + SLOT for piece in pieces)
    assert taken < 1.03 * sum(map(len, sent))


def test_a_photo_without_bytes_has_no_pieces() -> None:
    assert arrive([]) == arrive([b""]) == []
