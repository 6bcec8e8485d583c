"""What S3, or a proxy before it, may answer: a small server gives each answer to the real client."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from worker.adapters.aws import s3
from worker.errors import ObjectGoneError, StorageError, TooManyBytesError
from worker.messages import S3Object

WANTED = S3Object("bucket", "key")
NO_SUCH_KEY = b"<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>"


@contextmanager
def answering(status: int, headers: dict[str, str], body: bytes) -> Iterator[str]:
    """A server on this machine that always gives the same answer; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(5)


@pytest.fixture
def photos(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    return monkeypatch


@pytest.fixture(params=["quickly", "by boto3"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def fetched(
    photos: pytest.MonkeyPatch, status: int, headers: dict[str, str], body: bytes, way: str = "quickly"
) -> bytes:
    with answering(status, headers, body) as url:
        photos.setenv("AWS_ENDPOINT_URL", url)
        if way == "by boto3":
            photos.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        return s3.Photos(1, time.monotonic).fetch(WANTED, max_bytes=10).data


def test_an_answer_without_length_or_etag_is_read(photos: pytest.MonkeyPatch, way: str) -> None:
    assert fetched(photos, 200, {}, b"photo", way) == b"photo"


def test_more_bytes_than_allowed_are_refused_though_no_length_was_promised(
    photos: pytest.MonkeyPatch, way: str
) -> None:
    with pytest.raises(TooManyBytesError):
        fetched(photos, 200, {}, b"x" * 11, way)


def test_more_bytes_than_allowed_are_refused_by_their_promise(photos: pytest.MonkeyPatch, way: str) -> None:
    with pytest.raises(TooManyBytesError):
        fetched(photos, 200, {"Content-Length": "11"}, b"", way)


@pytest.mark.parametrize("headers", [{"Last-Modified": "long ago"}, {"x-amz-missing-meta": "many"}])
def test_what_boto3_cannot_read_of_an_answer_is_trouble_and_nothing_to_the_quick_way(
    photos: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    assert fetched(photos, 200, headers, b"photo") == b"photo"
    with pytest.raises(StorageError):
        fetched(photos, 200, headers, b"photo", "by boto3")


def test_behind_a_proxy_all_is_left_to_boto3(photos: pytest.MonkeyPatch) -> None:
    photos.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert s3.make_pool(1) is None


def test_a_signed_url_never_shows_in_an_error(photos: pytest.MonkeyPatch, way: str) -> None:
    with pytest.raises(StorageError) as caught:
        fetched(photos, 503, {"Content-Length": "0"}, b"", way)
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
def test_an_answer_that_says_nothing_of_the_photo_is_trouble(
    photos: pytest.MonkeyPatch, status: int, headers: dict[str, str], body: bytes, way: str
) -> None:
    with pytest.raises(StorageError):
        fetched(photos, status, headers, body, way)


def test_only_s3_itself_can_say_that_an_object_is_gone(photos: pytest.MonkeyPatch, way: str) -> None:
    with pytest.raises(ObjectGoneError):
        fetched(photos, 404, {"Content-Length": str(len(NO_SUCH_KEY))}, NO_SUCH_KEY, way)
