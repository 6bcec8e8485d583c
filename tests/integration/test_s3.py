"""What S3, or a proxy before it, may answer: a small server gives each answer to the real client."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from worker.adapters import s3
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


def fetched(photos: pytest.MonkeyPatch, status: int, headers: dict[str, str], body: bytes) -> bytes:
    with answering(status, headers, body) as url:
        photos.setenv("AWS_ENDPOINT_URL", url)
        return s3.Photos(s3.client(1), time.monotonic).fetch(WANTED, max_bytes=10).data


def test_an_answer_without_length_or_etag_is_read(photos: pytest.MonkeyPatch) -> None:
    assert fetched(photos, 200, {}, b"photo") == b"photo"


def test_more_bytes_than_allowed_are_refused_though_no_length_was_promised(
    photos: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(TooManyBytesError):
        fetched(photos, 200, {}, b"x" * 11)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {"Content-Length": "9"}, b"short"),
        (200, {"Last-Modified": "long ago"}, b"photo"),
        (200, {"x-amz-missing-meta": "many"}, b"photo"),
        (404, {"Content-Length": "0"}, b""),
        (403, {"Content-Length": "0"}, b""),
        (503, {"Content-Length": "0"}, b""),
    ],
    ids=["cut short", "odd time", "odd count", "404 of a proxy", "access denied", "unavailable"],
)
def test_an_answer_that_says_nothing_of_the_photo_is_trouble(
    photos: pytest.MonkeyPatch, status: int, headers: dict[str, str], body: bytes
) -> None:
    with pytest.raises(StorageError):
        fetched(photos, status, headers, body)


def test_only_s3_itself_can_say_that_an_object_is_gone(photos: pytest.MonkeyPatch) -> None:
    with pytest.raises(ObjectGoneError):
        fetched(photos, 404, {"Content-Length": str(len(NO_SUCH_KEY))}, NO_SUCH_KEY)
