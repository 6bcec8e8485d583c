"""What a request's head may be."""

import pytest

from worker.door.http.head import MOST_FIELDS, MOST_HEAD, Fields, body_length, check_meaning, check_size
from worker.door.problems import Refusal

HOST = (b"host", b"door")
CHUNKED = (b"transfer-encoding", b" Chunked ")


def test_a_head_may_be_as_large_as_this() -> None:
    check_size(MOST_HEAD, MOST_FIELDS)


@pytest.mark.parametrize(("size", "fields"), [(MOST_HEAD + 1, 1), (1, MOST_FIELDS + 1)])
def test_a_larger_one_is_refused(size: int, fields: int) -> None:
    with pytest.raises(Refusal) as caught:
        check_size(size, fields)
    assert caught.value.status == 431


@pytest.mark.parametrize(
    ("version", "fields"), [("1.1", [HOST]), ("1.1", [HOST, CHUNKED]), ("1.0", []), ("1.0", [HOST])]
)
def test_a_head_that_means_one_thing_passes(version: str, fields: Fields) -> None:
    check_meaning(b"POST", version, fields)


@pytest.mark.parametrize(
    ("method", "version", "fields"),
    [
        (b"CONNECT", "1.1", [HOST]),
        (b"GET", "1.1", []),
        (b"GET", "1.1", [HOST, HOST]),
        (b"GET", "1.0", [HOST, HOST]),
        (b"GET", "2.0", [HOST]),
        (b"POST", "1.0", [HOST, CHUNKED]),
        (b"POST", "1.1", [HOST, CHUNKED, CHUNKED]),
        (b"POST", "1.1", [HOST, (b"transfer-encoding", b"chunked, gzip")]),
    ],
)
def test_one_that_can_be_read_in_two_ways_is_refused(method: bytes, version: str, fields: Fields) -> None:
    with pytest.raises(Refusal) as caught:
        check_meaning(method, version, fields)
    assert caught.value.status == 400


def test_a_bodys_length_is_what_is_declared() -> None:
    assert body_length([HOST, (b"content-length", b"12")]) == 12
    assert body_length([HOST, CHUNKED]) == 0
