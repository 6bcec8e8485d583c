"""Answers of S3, or of a proxy in front of it, from a small server to the real client."""

import time
from collections.abc import Callable
from functools import partial

import pytest

from tests.integration.aws.http_server import serve
from worker.adapters.aws import s3
from worker.errors import ObjectGoneError, StorageError, TooManyBytesError
from worker.messages import S3Object

NO_SUCH_KEY = b"<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>"
Fetch = Callable[[int, dict[str, str], bytes], bytes]  # status, headers and body of the answer


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


@pytest.fixture(params=["by URL", "by boto3"])
def fetch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Fetch:
    """Fetch a photo, of up to ten bytes, from a server that gives this answer."""
    return partial(fetch_photo, monkeypatch, request.param)


def fetch_photo(
    monkeypatch: pytest.MonkeyPatch, way: str, status: int, headers: dict[str, str], body: bytes
) -> bytes:
    with serve(lambda _: (status, headers, body)) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        if way == "by boto3":  # a proxy prevents the other way
            monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        return s3.Photos(1, time.monotonic).fetch(S3Object("bucket", "key"), max_bytes=10).data


def test_an_answer_without_length_or_etag_is_read(fetch: Fetch) -> None:
    assert fetch(200, {}, b"photo") == b"photo"


def test_too_many_bytes_are_refused_without_a_length(fetch: Fetch) -> None:
    with pytest.raises(TooManyBytesError):
        fetch(200, {}, b"x" * 11)


def test_too_many_bytes_are_refused_by_their_length(fetch: Fetch) -> None:
    with pytest.raises(TooManyBytesError):
        fetch(200, {"Content-Length": "11"}, b"")


@pytest.mark.parametrize("headers", [{"Last-Modified": "long ago"}, {"x-amz-missing-meta": "many"}])
def test_headers_that_boto3_cannot_parse_are_a_storage_error_only_there(
    monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    assert fetch_photo(monkeypatch, "by URL", 200, headers, b"photo") == b"photo"
    with pytest.raises(StorageError):
        fetch_photo(monkeypatch, "by boto3", 200, headers, b"photo")


def test_behind_a_proxy_boto3_fetches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert s3.make_pool(1) is None


def test_an_error_never_contains_the_signed_url(fetch: Fetch) -> None:
    with pytest.raises(StorageError) as caught:
        fetch(503, {"Content-Length": "0"}, b"")
    assert "X-Amz" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {"Content-Length": "9"}, b"short"),
        (404, {"Content-Length": "0"}, b""),
        (403, {"Content-Length": "0"}, b""),
        (503, {"Content-Length": "0"}, b""),
    ],
    ids=["cut short", "404 of a proxy", "access denied", "unavailable"],
)
def test_an_answer_that_says_nothing_about_the_photo_is_a_storage_error(
    fetch: Fetch, status: int, headers: dict[str, str], body: bytes
) -> None:
    with pytest.raises(StorageError):
        fetch(status, headers, body)


def test_only_an_answer_of_s3_means_that_an_object_is_gone(fetch: Fetch) -> None:
    with pytest.raises(ObjectGoneError):
        fetch(404, {"Content-Length": str(len(NO_SUCH_KEY))}, NO_SUCH_KEY)
