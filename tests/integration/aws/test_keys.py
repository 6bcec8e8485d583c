"""What is fetched is exactly the key, of exactly the bucket that was allowed."""

import socket
import time
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

import pytest

from tests.support.http_server import Request, Response, serve
from tests.support.keys import KEYS
from worker.adapters.aws import s3, s3_routes
from worker.errors import ObjectRefusedError
from worker.messages import S3Object

BUCKET = "allowed"
HOST = "s3.localhost"  # libcurl knows every such name, getaddrinfo does not
VERSION = "../../a?b#c"


def echo(request: Request) -> Response:
    """Answer with what was asked for."""
    return 200, {}, f"{request.headers['Host'].split(':')[0]} {request.path}".encode()


@pytest.fixture(scope="module", params=["path", "virtual"])
def style(request: pytest.FixtureRequest) -> str:
    """Where URLs have the bucket: in the path, or in the host name, as on AWS."""
    return str(request.param)


@pytest.fixture(scope="module", params=["by libcurl", "by boto3"])
def photos(request: pytest.FixtureRequest, style: str) -> Iterator[s3.Photos]:
    """A client, in one of its two ways, of a server that answers with what was asked for."""
    resolve = socket.getaddrinfo
    with pytest.MonkeyPatch.context() as patch, serve(echo) as url:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", url.replace("127.0.0.1", HOST))
        patch.setattr(socket, "getaddrinfo", lambda _, *others, **more: resolve("127.0.0.1", *others, **more))
        addressing = {"s3": {"addressing_style": style}, "signature_version": "s3v4"}
        patch.setattr(s3_routes, "s3_style", lambda: addressing)
        photos = s3.Photos(1, time.monotonic)
        if request.param == "by boto3":
            photos._fetch_by_curl = lambda *_: None  # type: ignore[method-assign] # boto3 takes over
        yield photos


def asked_for(photos: s3.Photos, s3_object: S3Object) -> tuple[str, str, str]:
    """The host, the decoded path and the query of the request that fetches an object."""
    answer = b"".join(photos.fetch(s3_object, 10_000).pieces).decode()
    host, _, target = answer.partition(" ")
    path, _, query = target.partition("?")
    return host, unquote_to_bytes(path).decode(), query


@pytest.mark.parametrize("key", KEYS, ids=ascii)
def test_the_path_of_a_request_is_the_key(photos: s3.Photos, style: str, key: str) -> None:
    host, path, query = asked_for(photos, S3Object(BUCKET, key))
    expected = (HOST, f"/{BUCKET}/{key}") if style == "path" else (f"{BUCKET}.{HOST}", f"/{key}")
    assert (host, path) == expected
    assert "versionId" not in query


def test_a_version_stays_a_version(photos: s3.Photos) -> None:
    _, path, query = asked_for(photos, S3Object(BUCKET, "a", version_id=VERSION))
    assert path.endswith("/a")
    assert "versionId=..%2F..%2Fa%3Fb%23c" in query


@pytest.mark.parametrize("key", ["x/../../not-allowed/a", "./a", "a/.."])
def test_a_key_that_a_proxy_would_change_is_refused(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    with serve(echo) as url:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "test")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("HTTP_PROXY", url)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{HOST}")
        photos = s3.Photos(1, time.monotonic)
        assert asked_for(photos, S3Object(BUCKET, "a..b/.c"))[1] == f"http://{HOST}/{BUCKET}/a..b/.c"
        with pytest.raises(ObjectRefusedError, match="proxy"):
            photos.fetch(S3Object(BUCKET, key), 10)
