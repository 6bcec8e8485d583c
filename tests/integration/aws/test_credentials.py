"""Credentials that expire or are rotated: a small server refuses one access key and accepts another.

The real clients read them from a shared credentials file, which is rewritten meanwhile.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.fakes import ManualClock, message
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


class PickyServer(ThreadingHTTPServer):
    """S3 and SQS in one: answers each request by its access key, and notes it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.refused: dict[str, tuple[int, str]] = {}  # access key → status and error code
        self.keys: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: PickyServer

    def do_GET(self) -> None:
        """S3: the photo, or an error as XML."""
        status, code = self._judged()
        self._answer(status, b"photo" if not code else f"<Error><Code>{code}</Code></Error>".encode())

    def do_POST(self) -> None:
        """SQS: an answer to each operation, or an error as JSON."""
        self.rfile.read(int(self.headers["Content-Length"]))
        status, code = self._judged()
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        answer = {"__type": f"com.amazonaws.sqs#{code}", "message": code} if code else SQS_ANSWERS[operation]
        self._answer(status, json.dumps(answer).encode())

    def _judged(self) -> tuple[int, str]:
        found = _KEY.search(self.headers["Authorization"])
        key = found[1] if found else "none"
        self.server.keys.append(key)
        return self.server.refused.get(key, (200, ""))

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class CredentialsFile:
    """A shared credentials file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rotate(self, key: str) -> None:
        self.write(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = secret\n")

    def write(self, text: str) -> None:
        self.path.write_text(text)


@contextmanager
def running(server: PickyServer) -> Iterator[PickyServer]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(5)


@pytest.fixture
def server() -> Iterator[PickyServer]:
    with PickyServer() as made, running(made):
        yield made


@pytest.fixture
def credentials(server: PickyServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CredentialsFile:
    """The only credentials there are: those of a file, at first with the key OLD."""
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


def queue(server: PickyServer) -> sqs.SqsQueue:
    clock = ManualClock()
    return sqs.SqsQueue(f"{server.url}/0/photos", receive_wait=0, clock=clock, now=clock.now)


def user_of(what: str, server: PickyServer) -> Callable[[], Any]:
    """Make the part's adapter; what uses it once."""
    if what == "fetch":
        photos = s3.Photos(1, time.monotonic)
        return lambda: photos.fetch(S3Object("photos", "key"), max_bytes=10).data
    ours = queue(server)
    uses: dict[str, Callable[[], Any]] = {
        "receive": lambda: ours.receive(1),
        "delete": lambda: ours.delete([message()]),
        "hide": lambda: ours.hide([(message(), 5)]),
    }
    return uses[what]


USES = ["fetch", "receive", "delete", "hide"]


@pytest.mark.parametrize(
    ("what", "code"),
    [
        *((what, "ExpiredToken") for what in USES),
        *(("fetch", code) for code in sorted(clients.EXPIRED - {"ExpiredToken"})),
    ],
)
def test_a_call_that_finds_its_key_expired_is_carried_out_with_the_one_the_file_has_now(
    server: PickyServer, credentials: CredentialsFile, what: str, code: str
) -> None:
    use = user_of(what, server)
    use()
    server.refused["OLD"] = (403, code)
    credentials.rotate("NEW")
    use()
    use()
    assert server.keys == ["OLD", "OLD", "NEW", "NEW"]


@pytest.mark.parametrize("what", ["fetch", "receive"])
def test_a_key_that_is_refused_and_not_rotated_is_tried_twice_a_call_until_it_is(
    server: PickyServer, credentials: CredentialsFile, what: str
) -> None:
    use = user_of(what, server)
    server.refused["OLD"] = (403, "ExpiredToken")
    for _ in range(2):
        with pytest.raises((StorageError, QueueError), match="ExpiredToken"):
            use()
    assert server.keys == ["OLD"] * 4
    credentials.rotate("NEW")
    use()
    assert server.keys[4:] == ["OLD", "NEW"]


@pytest.mark.parametrize(
    "unusable",
    ["", "[default]\naws_access_key_id = NEW\n", "[default\n", "[others]\naws_access_key_id = NEW\n"],
    ids=["empty", "half written", "no such format", "of others"],
)
def test_a_file_that_cannot_be_used_is_trouble_until_it_can(
    server: PickyServer, credentials: CredentialsFile, unusable: str
) -> None:
    use = user_of("receive", server)
    server.refused["OLD"] = (403, "ExpiredToken")
    credentials.write(unusable)
    for _ in range(2):
        with pytest.raises(QueueError):
            use()
    credentials.rotate("NEW")
    use()
    assert server.keys[-1] == "NEW"


def test_a_worker_that_starts_before_its_credentials_are_there_takes_them_up(
    server: PickyServer, credentials: CredentialsFile
) -> None:
    credentials.path.unlink()
    use = user_of("receive", server)
    with pytest.raises(QueueError, match="NoCredentialsError"):
        use()
    credentials.rotate("NEW")
    use()
    assert server.keys == ["NEW"]


class Made:
    """Makes S3 clients and counts them."""

    def __init__(self) -> None:
        self.clients = 0

    def __call__(self) -> Any:
        self.clients += 1
        return clients.make_client("s3", connect=3, read=3, attempts=1)


def test_of_many_threads_that_are_refused_together_one_makes_the_new_client(
    server: PickyServer, credentials: CredentialsFile
) -> None:
    made, together = Made(), threading.Barrier(8)
    client: clients.Client[Any] = clients.Client(made)
    server.refused["OLD"] = (403, "ExpiredToken")
    credentials.rotate("NEW")

    def use(own: Any) -> bytes:
        if made.clients == 1:
            together.wait(10)  # all have the old client in their hands
        return bytes(own.get_object(Bucket="photos", Key="key")["Body"].read())

    with ThreadPoolExecutor(8) as threads:
        photos = [future.result(10) for future in [threads.submit(client.call, use) for _ in range(8)]]
    assert photos == [b"photo"] * 8
    assert made.clients == 2


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "AccessDenied"), (404, "NoSuchKey"), (403, "SignatureDoesNotMatch"), (503, "SlowDown")],
)
def test_an_error_of_another_kind_makes_no_new_client(
    server: PickyServer, credentials: CredentialsFile, status: int, code: str
) -> None:
    made = Made()
    client: clients.Client[Any] = clients.Client(made)
    server.refused["OLD"] = (status, code)
    credentials.rotate("NEW")
    with pytest.raises(Exception, match=code):
        client.call(lambda own: own.get_object(Bucket="photos", Key="key"))
    assert (made.clients, server.keys) == (1, ["OLD"])


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    ("variable", "value"),
    [("AWS_DEFAULT_REGION", ""), ("AWS_PROFILE", "nobody"), ("AWS_ENDPOINT_URL", "here")],
)
def test_a_region_profile_or_endpoint_that_does_not_fit_is_said_at_the_start(
    server: PickyServer, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    if value:
        monkeypatch.setenv(variable, value)
    else:
        monkeypatch.delenv(variable)
    with pytest.raises(ConfigurationError, match="the AWS configuration is not usable"):
        queue(server)
