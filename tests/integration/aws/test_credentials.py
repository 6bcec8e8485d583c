"""Credentials that expire or are rotated: a server refuses one access key and accepts another.

The real clients read them from a shared credentials file, which the tests rewrite.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.fakes import ManualClock, message
from tests.support.http_server import Request, Response, serve
from worker.adapters.aws import clients, s3, sqs
from worker.errors import ConfigurationError, QueueError, StorageError
from worker.messages import S3Object

_KEY = re.compile(r"Credential=([^/]+)/")
SQS_ANSWERS = {
    "ReceiveMessage": {
        "Messages": [{"MessageId": "message-1", "ReceiptHandle": "handle-1", "Body": "photo"}]
    },
    "DeleteMessageBatch": {"Successful": [{"Id": "0"}]},
    "ChangeMessageVisibilityBatch": {"Successful": [{"Id": "0"}]},
}


class FakeAws:
    """S3 and SQS in one: answers each request by its access key, and records the key."""

    def __init__(self) -> None:
        self.url = ""
        self.errors: dict[str, tuple[int, str]] = {}  # access key → status and error code
        self.keys: list[str] = []

    def respond(self, request: Request) -> Response:
        found = _KEY.search(request.headers["Authorization"])
        self.keys.append(found[1] if found else "none")
        status, code = self.errors.get(self.keys[-1], (200, ""))
        target = request.headers.get("X-Amz-Target")
        if target is None:  # S3: the photo, or an error as XML
            body = f"<Error><Code>{code}</Code></Error>".encode() if code else b"photo"
        else:  # SQS: JSON
            answer = SQS_ANSWERS[target.rpartition(".")[2]]
            error = {"__type": f"com.amazonaws.sqs#{code}", "message": code}
            body = json.dumps(error if code else answer).encode()
        return status, {"Content-Length": str(len(body))}, body


class CredentialsFile:
    """A shared credentials file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rotate(self, key: str) -> None:
        self.write(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = secret\n")

    def write(self, text: str) -> None:
        self.path.write_text(text)


@pytest.fixture
def server() -> Iterator[FakeAws]:
    fake = FakeAws()
    with serve(fake.respond) as fake.url:
        yield fake


@pytest.fixture
def credentials(server: FakeAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CredentialsFile:
    """The only credentials: those of a file, at first with the key OLD."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    file = CredentialsFile(tmp_path / "credentials")
    file.rotate("OLD")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file.path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # so that boto3 fetches photos, too
    return file


def queue(server: FakeAws) -> sqs.SqsQueue:
    clock = ManualClock()
    return sqs.SqsQueue(f"{server.url}/0/photos", receive_wait=0, clock=clock, now=clock.now)


def make_call(what: str, server: FakeAws) -> Callable[[], Any]:
    """Make an adapter; returns a function that calls it once."""
    if what == "fetch":
        photos = s3.Photos(1, time.monotonic)
        return lambda: b"".join(photos.fetch(S3Object("photos", "key"), max_bytes=10).pieces)
    sqs_queue = queue(server)
    calls: dict[str, Callable[[], Any]] = {
        "receive": lambda: sqs_queue.receive(1),
        "delete": lambda: sqs_queue.delete([message()]),
        "hide": lambda: sqs_queue.hide([(message(), 5)]),
    }
    return calls[what]


CALLS = ["fetch", "receive", "delete", "hide"]


@pytest.mark.parametrize(
    ("what", "code"),
    [
        *((what, "ExpiredToken") for what in CALLS),
        *(("fetch", code) for code in sorted(clients.EXPIRED - {"ExpiredToken"})),
    ],
)
def test_a_call_with_an_expired_key_is_repeated_with_the_current_key(
    server: FakeAws, credentials: CredentialsFile, what: str, code: str
) -> None:
    call = make_call(what, server)
    call()
    server.errors["OLD"] = (403, code)
    credentials.rotate("NEW")
    call()
    call()
    assert server.keys == ["OLD", "OLD", "NEW", "NEW"]


@pytest.mark.parametrize("what", ["fetch", "receive"])
def test_a_refused_key_is_tried_twice_a_call_until_it_is_rotated(
    server: FakeAws, credentials: CredentialsFile, what: str
) -> None:
    call = make_call(what, server)
    server.errors["OLD"] = (403, "ExpiredToken")
    for _ in range(2):
        with pytest.raises((StorageError, QueueError), match="ExpiredToken"):
            call()
    assert server.keys == ["OLD"] * 4
    credentials.rotate("NEW")
    call()
    assert server.keys[4:] == ["OLD", "NEW"]


@pytest.mark.parametrize(
    "unusable",
    ["", "[default]\naws_access_key_id = NEW\n", "[default\n", "[others]\naws_access_key_id = NEW\n"],
    ids=["empty", "half written", "invalid", "another profile"],
)
def test_an_unusable_file_is_an_error_until_it_is_replaced(
    server: FakeAws, credentials: CredentialsFile, unusable: str
) -> None:
    call = make_call("receive", server)
    server.errors["OLD"] = (403, "ExpiredToken")
    credentials.write(unusable)
    for _ in range(2):
        with pytest.raises(QueueError):
            call()
    credentials.rotate("NEW")
    call()
    assert server.keys[-1] == "NEW"


def test_credentials_that_appear_after_the_start_are_used(
    server: FakeAws, credentials: CredentialsFile
) -> None:
    credentials.path.unlink()
    call = make_call("receive", server)
    with pytest.raises(QueueError, match="NoCredentialsError"):
        call()
    credentials.rotate("NEW")
    call()
    assert server.keys == ["NEW"]


class CountingFactory:
    """Makes S3 clients and counts them."""

    def __init__(self) -> None:
        self.clients = 0

    def __call__(self) -> Any:
        self.clients += 1
        return clients.make_client("s3", connect=3, read=3, attempts=1)


def test_only_one_of_many_refused_threads_makes_a_new_client(
    server: FakeAws, credentials: CredentialsFile
) -> None:
    factory, together = CountingFactory(), threading.Barrier(8)
    client: clients.Client[Any] = clients.Client(factory)
    server.errors["OLD"] = (403, "ExpiredToken")
    credentials.rotate("NEW")

    def use(own: Any) -> bytes:
        if factory.clients == 1:
            together.wait(10)  # all have the old client
        return bytes(own.get_object(Bucket="photos", Key="key")["Body"].read())

    with ThreadPoolExecutor(8) as threads:
        photos = [future.result(10) for future in [threads.submit(client.call, use) for _ in range(8)]]
    assert photos == [b"photo"] * 8
    assert factory.clients == 2


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "AccessDenied"), (404, "NoSuchKey"), (403, "SignatureDoesNotMatch"), (503, "SlowDown")],
)
def test_other_errors_make_no_new_client(
    server: FakeAws, credentials: CredentialsFile, status: int, code: str
) -> None:
    factory = CountingFactory()
    client: clients.Client[Any] = clients.Client(factory)
    server.errors["OLD"] = (status, code)
    credentials.rotate("NEW")
    with pytest.raises(Exception, match=code):
        client.call(lambda own: own.get_object(Bucket="photos", Key="key"))
    assert (factory.clients, server.keys) == (1, ["OLD"])


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    ("variable", "value"),
    [("AWS_DEFAULT_REGION", ""), ("AWS_PROFILE", "nobody"), ("AWS_ENDPOINT_URL", "here")],
)
def test_a_wrong_region_profile_or_endpoint_is_a_configuration_error(
    server: FakeAws, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    if value:
        monkeypatch.setenv(variable, value)
    else:
        monkeypatch.delenv(variable)
    with pytest.raises(ConfigurationError, match="the AWS configuration is not usable"):
        queue(server)
