"""Answers of S3, or of a proxy in front of it, from a small server to the real client."""

import hashlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.fakes import ManualClock
from tests.support.http_server import Body, Request, Response, serve
from worker.adapters.aws import model_bucket, s3, s3_body
from worker.errors import ObjectArchivedError, OvertakenError, StorageError, TooManyBytesError, WorkerError
from worker.messages import Fetched, S3Object

LENGTH = 1000  # bytes of a body that trickles
A_WHILE = 7.0  # seconds between two of its bytes
Fetch = Callable[[int, dict[str, str], bytes], bytes]  # status, headers and body of the answer


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


@pytest.fixture(params=["by libcurl", "by boto3"])
def fetch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Fetch:
    """Fetch a photo, of up to ten bytes, from a server that gives this answer."""
    return partial(fetch_photo, monkeypatch, request.param)


def fetch_photo(
    monkeypatch: pytest.MonkeyPatch, way: str, status: int, headers: dict[str, str], body: bytes
) -> bytes:
    choose_way(monkeypatch, way)
    with serve(lambda _: (status, headers, body)) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        fetched = s3.Photos(1, time.monotonic).fetch(S3Object("bucket", "key"), max_bytes=10)
        return b"".join(fetched.pieces)


def choose_way(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    if way == "by boto3":  # a proxy prevents the other way
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")


def test_an_answer_without_length_or_etag_is_read(fetch: Fetch) -> None:
    assert fetch(200, {}, b"photo") == b"photo"


def test_too_many_bytes_are_refused_without_a_length(fetch: Fetch) -> None:
    with pytest.raises(TooManyBytesError):
        fetch(200, {}, b"x" * 11)


def test_too_many_bytes_are_refused_by_their_length(fetch: Fetch) -> None:
    with pytest.raises(TooManyBytesError):
        fetch(200, {"Content-Length": "11"}, b"")


@pytest.mark.parametrize(("body", "length"), [(b"", {"Content-Length": "11"}), (b"x" * 11, {})])
def test_an_object_that_is_too_large_is_named(fetch: Fetch, body: bytes, length: dict[str, str]) -> None:
    with pytest.raises(TooManyBytesError) as caught:
        fetch(200, {"ETag": '"e"', "x-amz-version-id": "v", **length}, body)
    assert (caught.value.etag, caught.value.version_id) == ("e", "v")


@pytest.mark.parametrize("headers", [{"Last-Modified": "long ago"}, {"x-amz-missing-meta": "many"}])
def test_headers_that_boto3_cannot_parse_are_a_storage_error_only_there(
    monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    assert fetch_photo(monkeypatch, "by libcurl", 200, headers, b"photo") == b"photo"
    with pytest.raises(StorageError):
        fetch_photo(monkeypatch, "by boto3", 200, headers, b"photo")


def test_an_error_never_contains_a_signature(fetch: Fetch) -> None:
    with pytest.raises(StorageError) as caught:
        fetch(503, {"Content-Length": "0"}, b"")
    assert "amz" not in str(caught.value).lower()


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


@pytest.mark.parametrize(
    ("status", "answer", "code"),
    [
        (404, "NoSuchKey", "object_gone"),
        (404, "NoSuchVersion", "object_gone"),
        (405, "MethodNotAllowed", "object_gone"),
        (403, "InvalidObjectState", "object_archived"),
        (403, "AccessDenied", "access_denied"),
        (403, "AllAccessDisabled", "access_denied"),
        (400, "KMS.DisabledException", "kms_refused"),
        (400, "KMS.KMSInvalidStateException", "kms_refused"),
        (404, "NoSuchBucket", "bucket_gone"),
        (400, "InvalidRequest", "object_refused"),
        (400, "KMS.ThrottlingException", "storage_trouble"),
        (400, "RequestTimeout", "storage_trouble"),
        (400, "ExpiredToken", "storage_trouble"),
        (400, "AuthorizationHeaderMalformed", "storage_trouble"),
        (403, "InvalidAccessKeyId", "storage_trouble"),
        (403, "RequestTimeTooSkewed", "storage_trouble"),
        (403, "SignatureDoesNotMatch", "storage_trouble"),
        (429, "TooManyRequests", "storage_trouble"),
        (500, "InternalError", "storage_trouble"),
        (503, "SlowDown", "storage_trouble"),
    ],
)
def test_an_answer_of_s3_says_whether_the_service_fails_or_one_object(
    fetch: Fetch, status: int, answer: str, code: str
) -> None:
    body = f"<Error><Code>{answer}</Code><Message>why</Message></Error>".encode()
    with pytest.raises(WorkerError) as caught:
        fetch(status, {"Content-Length": str(len(body))}, body)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("head", "named"),
    [
        ((200, {"ETag": '"e"', "x-amz-version-id": "v", "Content-Length": "9"}, b""), ("e", "v")),
        ((403, {}, b""), (None, None)),
    ],
    ids=["named", "refused"],
)
@pytest.mark.parametrize("way", ["by libcurl", "by boto3"])
def test_an_archived_object_is_named_if_s3_tells(
    monkeypatch: pytest.MonkeyPatch, way: str, head: Response, named: tuple[str | None, str | None]
) -> None:
    choose_way(monkeypatch, way)
    body = b"<Error><Code>InvalidObjectState</Code></Error>"

    def respond(request: Request) -> Response:
        return head if request.method == "HEAD" else (403, {"Content-Length": str(len(body))}, body)

    with serve(respond) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(ObjectArchivedError) as caught:
            s3.Photos(1, time.monotonic).fetch(S3Object("bucket", "key"), max_bytes=10)
    assert (caught.value.etag, caught.value.version_id) == named


class Trickle:
    """A body whose next byte arrives only when the reader gives a sign of life; time passes with each."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self._signs = threading.Semaphore(0)

    def alive(self) -> None:
        self.clock.seconds += A_WHILE
        self._signs.release()

    def body(self) -> Body:
        self._signs = signs = threading.Semaphore(0)  # an earlier body must not take its signs

        def pieces() -> Iterator[bytes]:
            for _ in range(LENGTH):
                yield b"x"
                if not signs.acquire(timeout=5):  # a reader that gives none must not wait for ever
                    return

        return pieces()


@pytest.mark.parametrize("way", ["by libcurl", "by boto3"])
def test_a_photo_that_trickles_gives_signs_of_life_and_ends_by_the_deadline(
    monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    choose_way(monkeypatch, way)
    trickle = Trickle()
    with serve(lambda _: (200, {"Content-Length": str(LENGTH)}, trickle.body())) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        photos = s3.Photos(1, trickle.clock)
        begun = trickle.clock()
        with pytest.raises(StorageError, match="not received in 30 s"):
            photos.fetch(S3Object("bucket", "key"), LENGTH, trickle.alive)
    assert trickle.clock() - begun <= s3_body.DOWNLOAD_TIMEOUT + A_WHILE < s3.LONGEST_FETCH


@pytest.mark.parametrize("way", ["by libcurl", "by boto3"])
def test_a_photo_in_tiny_pieces_takes_little_more_than_its_bytes(
    monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    choose_way(monkeypatch, way)
    size = 20_000
    chunks = b"1\r\nx\r\n" * size + b"0\r\n\r\n"
    with serve(lambda _: (200, {"Transfer-Encoding": "chunked"}, chunks)) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        fetched = s3.Photos(1, time.monotonic).fetch(S3Object("bucket", "key"), size)
    assert b"".join(fetched.pieces) == b"x" * size
    assert sum(map(sys.getsizeof, fetched.pieces)) < 1.05 * size


def test_a_model_that_trickles_is_given_up_but_told_of_meanwhile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trickle = Trickle()
    told = list[int]()

    def tell(count: int) -> None:
        told.append(count)
        trickle.alive()

    with serve(lambda _: (200, {"Content-Length": str(LENGTH)}, trickle.body())) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        bucket = model_bucket.ModelBucket(trickle.clock)
        with pytest.raises(StorageError, match="bytes in 60 s"):
            bucket.download("bucket", "key", tmp_path / "file", tell)
    assert len(told) > model_bucket.DOWNLOADS * model_bucket.PATIENCE / A_WHILE


# storing what came by HTTP


SHA256 = hashlib.sha256(b"photo").hexdigest()


def put_once(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, there: tuple[int, bytes] = (404, b"")
) -> tuple[Fetched, list[bytes]]:
    """Store a photo at a server that answers a PUT so, and a GET with what is there."""

    def answer(request: Request) -> Response:
        if request.method == "PUT":
            assert request.headers["If-None-Match"] == "*"
            error = f"<Error><Code>{code}</Code></Error>".encode() if code else b""
            return status, {"ETag": '"new"', "x-amz-version-id": "v2"}, error
        return there[0], {"ETag": '"old"', "x-amz-version-id": "v1"}, there[1]

    pieces = [b"ph", b"oto"]
    with serve(answer) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        photo = S3Object("bucket", "key", size=5, sha256=SHA256, via="http")
        return s3.Photos(1, time.monotonic).put_once(photo, pieces), pieces


def test_a_photo_is_stored_under_its_name_and_its_pieces_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    stored, pieces = put_once(monkeypatch, 200, "")
    assert stored == Fetched(pieces, "new", "v2", SHA256)
    assert pieces == [b"photo"], "no second copy of it is kept"


@pytest.mark.parametrize(
    ("status", "code"), [(412, "PreconditionFailed"), (409, "ConditionalRequestConflict")]
)
def test_a_photo_that_is_there_already_is_stored(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str
) -> None:
    stored, _ = put_once(monkeypatch, status, code, there=(200, b"photo"))
    assert (stored.etag, stored.version_id, stored.sha256) == ("old", "v1", SHA256)


@pytest.mark.parametrize("other", [b"other", b"a longer one"])
def test_another_photo_in_its_place_stays(monkeypatch: pytest.MonkeyPatch, other: bytes) -> None:
    with pytest.raises(OvertakenError):
        put_once(monkeypatch, 412, "PreconditionFailed", there=(200, other))


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "AccessDenied"), (404, "NoSuchBucket"), (503, "SlowDown"), (412, "PreconditionFailed")],
    ids=["refused", "no bucket", "slow", "deleted meanwhile"],
)
def test_a_photo_that_cannot_be_stored_is_in_trouble(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str
) -> None:
    missing = (404, b"<Error><Code>NoSuchKey</Code></Error>")
    with pytest.raises(StorageError):
        put_once(monkeypatch, status, code, there=missing)
