"""What libcurl fetches, from servers that check every signature, or that lie, stall or say too much."""

import gc
import hashlib
import itertools
import socket
import ssl
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from botocore.credentials import ReadOnlyCredentials

from tests.support.fakes import ManualClock
from tests.support.http_server import Request, Response, serve
from tests.support.keys import KEYS
from tests.support.strict_s3 import StrictS3
from tests.support.waiting import eventually
from worker.adapters.aws import s3, s3_routes
from worker.adapters.aws.libcurl import connections
from worker.adapters.aws.libcurl.connection import Limits
from worker.adapters.aws.libcurl.connections import Connections
from worker.adapters.aws.libcurl.routes import Request as Signed
from worker.adapters.aws.s3_body import Body
from worker.errors import StorageError, TooManyBytesError
from worker.messages import Fetched, S3Object

PHOTO = b"photo"
VERSIONS = (None, "3HL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY", "../../a?b#c")
TOKENS = ("", "IQoJb3JpZ2luX2VjE/+==")
CERTIFICATES = "/etc/ssl/none"  # of a server without TLS
PATIENCE = 10.0  # seconds that a server waits for its client
Talk = Callable[[socket.socket], None]


def by_libcurl(request: Request) -> bool:
    return request.headers["User-Agent"].startswith("PycURL")


def whole(body: bytes = PHOTO) -> Response:
    return 200, {"Content-Length": str(len(body))}, body


class Bucket:
    """A server that keeps connections and gives each photo, to libcurl and boto3 alike."""

    def __init__(self, respond: Callable[[Request], Response] = lambda _: whole()) -> None:
        self.respond = respond
        self.asked = list[Request]()

    def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        return self.respond(request)

    def by_libcurl(self) -> list[bool]:
        """For each request, whether libcurl sent it."""
        return [by_libcurl(request) for request in self.asked]


@contextmanager
def bucket(aws: pytest.MonkeyPatch, respond: Callable[[Request], Response]) -> Iterator[Bucket]:
    asked = Bucket(respond)
    with serve(asked, keeps=True) as url:
        aws.setenv("AWS_ENDPOINT_URL", url)
        yield asked


def fetch(photos: s3.Photos, key: str = "key", version: str | None = None, most: int = 100) -> bytes:
    return b"".join(photos.fetch(S3Object("bucket", key, version), most).pieces)


def make_photos() -> s3.Photos:
    return s3.Photos(1, ManualClock())


# signatures


@pytest.mark.parametrize("token", TOKENS, ids=["lasting", "temporary"])
@pytest.mark.parametrize("style", ["path", "virtual"])
def test_s3_accepts_the_signature_of_every_key_and_version(
    aws: pytest.MonkeyPatch, style: str, token: str
) -> None:
    aws.setattr(
        s3_routes, "s3_style", lambda: {"s3": {"addressing_style": style}, "signature_version": "s3v4"}
    )
    if token:
        aws.setenv("AWS_SESSION_TOKEN", token)
    judge = StrictS3({"KEY": ("secret", token or None)}, give=PHOTO)
    with serve(judge, keeps=True) as url:
        aws.setenv("AWS_ENDPOINT_URL", url.replace("127.0.0.1", "localhost"))
        finder, getter = (
            s3_routes.S3Routes(connect=1, read=1, attempts=1),
            libcurl(CERTIFICATES, ManualClock()),
        )
        plain = [key for key in KEYS if not s3_routes.has_dots(key)]
        for key, version in itertools.product(plain, VERSIONS):
            request = finder.find("bucket", key, version)
            assert request is not None
            assert get(getter, request) is not None, f"{key!r} {version!r}"
    assert judge.signed_by == ["KEY"] * len(plain) * len(VERSIONS)


@pytest.mark.parametrize(
    ("secret", "token"), [("other", None), ("secret", "token")], ids=["wrong secret", "no token"]
)
def test_the_judge_of_these_tests_refuses_what_s3_would(
    aws: pytest.MonkeyPatch, secret: str, token: str | None
) -> None:
    judge = StrictS3({"KEY": (secret, token)}, give=PHOTO)
    with bucket(aws, judge), pytest.raises(StorageError):
        fetch(make_photos())
    assert judge.signed_by == []


def test_dots_are_fetched_by_boto3_and_as_exactly(aws: pytest.MonkeyPatch) -> None:
    judge = StrictS3({"KEY": ("secret", None)}, give=PHOTO)
    with bucket(aws, judge) as asked:
        assert fetch(make_photos(), "a/../b") == PHOTO
    assert [request.path.partition("?")[0] for request in asked.asked] == ["/bucket/a/../b"]
    assert asked.by_libcurl() == [False]


def test_rotated_credentials_are_libcurls_too(aws: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "credentials"

    def rotate(key: str) -> None:
        file.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = of {key}\n")

    aws.delenv("AWS_ACCESS_KEY_ID")
    aws.delenv("AWS_SECRET_ACCESS_KEY")
    aws.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    rotate("OLD")
    judge = StrictS3({"OLD": ("of OLD", None)}, give=PHOTO)
    with bucket(aws, judge) as asked:
        photos = make_photos()
        fetch(photos)
        judge.known = {"NEW": ("of NEW", None)}
        rotate("NEW")
        for _ in range(3):
            assert fetch(photos) == PHOTO
    assert judge.signed_by == ["OLD", "NEW", "NEW", "NEW"]
    assert asked.by_libcurl() == [True, True, False, False, True, True]


@pytest.mark.usefixtures("role")
def test_a_roles_credentials_are_renewed_before_they_end(aws: pytest.MonkeyPatch) -> None:
    judge = StrictS3({"ROLE2": ("of 2", "token 2")}, give=PHOTO)
    with bucket(aws, judge) as asked:
        photos = make_photos()
        assert [fetch(photos) for _ in range(3)] == [PHOTO] * 3
    assert judge.signed_by == ["ROLE2"] * 3
    assert asked.by_libcurl() == [True] * 3


def test_a_token_goes_with_its_key() -> None:
    sent = list[str | None]()

    def respond(request: Request) -> Response:
        sent.append(request.headers.get("x-amz-security-token"))
        return whole()

    with serve(respond, keeps=True) as url:
        getter, plain = libcurl(CERTIFICATES, ManualClock()), libcurl_request(url)
        for token in ("first", "second", None):
            assert get(getter, replace(plain, credentials=ReadOnlyCredentials("KEY", "secret", token)))
    assert sent == ["first", "second", None]


def test_a_bucket_of_another_region_is_fetched_by_boto3(aws: pytest.MonkeyPatch) -> None:
    judge = StrictS3({"KEY": ("secret", None)}, region="eu-west-1", give=PHOTO)
    with bucket(aws, judge):
        photos = make_photos()
        assert [fetch(photos) for _ in range(3)] == [PHOTO] * 3
    assert judge.signed_by == ["KEY"] * 3


# connections


@pytest.mark.parametrize("protocol", ["http", "https"])
def test_a_connection_is_kept(authority: trustme.CA, tmp_path: Path, protocol: str) -> None:
    peers = set[tuple[str, int]]()

    def respond(request: Request) -> Response:
        peers.add(request.peer)
        return whole()

    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = tls(authority, "127.0.0.1") if protocol == "https" else None
    with serve(respond, tls=context, keeps=True) as url:
        getter = libcurl(str(tmp_path / "ca.pem"), ManualClock())
        for _ in range(5):
            assert get(getter, libcurl_request(url))
    assert len(peers) == 1


def test_connections_to_several_buckets_are_kept() -> None:
    peers = set[tuple[str, int]]()

    def respond(request: Request) -> Response:
        peers.add(request.peer)
        return whole()

    with serve(respond, keeps=True) as url:
        getter = libcurl(CERTIFICATES, ManualClock())
        for _ in range(3):
            for name in ("a", "b"):
                assert get(getter, libcurl_request(url.replace("127.0.0.1", f"{name}.localhost")))
    assert len(peers) == 2


def test_many_buckets_share_a_limited_number_of_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    most, open_now, lock = 3, set[tuple[str, int]](), threading.Lock()
    monkeypatch.setattr(connections, "MOST_IDLE", most)

    def stay(connection: socket.socket) -> None:
        with lock:
            open_now.add(connection.getpeername())
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nphoto")
        wait_until_gone(connection)
        with lock:
            open_now.remove(connection.getpeername())

    with talk(*[stay] * 10) as (url, _):
        getter = libcurl(CERTIFICATES, ManualClock())
        for number in range(10):
            assert get(getter, libcurl_request(url.replace("127.0.0.1", f"bucket-{number}.localhost")))
        eventually(lambda: len(open_now) == most)
        del getter
        gc.collect()


def test_a_connection_that_the_server_closed_meanwhile_is_replaced(aws: pytest.MonkeyPatch) -> None:
    closed = threading.Event()

    def once(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nphoto")
        connection.close()
        closed.set()

    with talk(once, once) as (url, talks):
        aws.setenv("AWS_ENDPOINT_URL", url)
        photos = make_photos()
        assert fetch(photos) == PHOTO
        assert closed.wait(PATIENCE)
        assert fetch(photos) == PHOTO
    assert [b"PycURL" in head for head in talks.heads] == [True, True]


def test_photos_that_threads_fetch_at_once_are_not_mixed_up(aws: pytest.MonkeyPatch) -> None:
    with bucket(aws, lambda request: whole(request.path.encode() * 5000)) as asked:
        photos = make_photos()
        with ThreadPoolExecutor(8) as threads:
            keys = [f"{number}.jpg" for number in range(100)]
            fetched = list(threads.map(lambda key: fetch(photos, key, most=10**6), keys))
    assert fetched == [f"/bucket/{key}".encode() * 5000 for key in keys]
    assert all(asked.by_libcurl())


def test_a_connection_that_waits_for_work_holds_no_photo() -> None:
    with serve(lambda _: whole(b"x" * 20)) as url:
        getter = libcurl(CERTIFICATES, ManualClock())
        for most in (100, 10):  # one fits, one does not
            body = Body(most, ManualClock(), lambda: None)
            held = weakref.ref(body)
            with suppress(TooManyBytesError):
                receive(getter, libcurl_request(url), body)
            del body
            gc.collect()
            assert held() is None


# bodies


def test_the_hash_is_of_all_bytes(aws: pytest.MonkeyPatch) -> None:
    data = bytes(range(256)) * 4000
    with bucket(
        aws, lambda _: (200, {"ETag": '"e"', "x-amz-version-id": "v", "Content-Length": str(len(data))}, data)
    ) as asked:
        fetched = make_photos().fetch(S3Object("bucket", "key"), 10**7)
    assert b"".join(fetched.pieces) == data
    assert fetched == Fetched(fetched.pieces, "e", "v", hashlib.sha256(data).hexdigest())
    assert asked.by_libcurl() == [True]


@pytest.mark.parametrize("begins_with", [b"", PHOTO], ids=["with the body", "after it"])
def test_bytes_beyond_the_announced_length_are_nobodys(begins_with: bytes) -> None:
    rest = PHOTO.removeprefix(begins_with) + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    come, sent = threading.Event(), threading.Event()

    def lies(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + begins_with)
        assert come.wait(PATIENCE)  # libcurl has read the head
        connection.sendall(rest)
        sent.set()
        wait_until_gone(connection)

    def is_honest(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue")
        assert connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue")

    with talk(lies, is_honest) as (url, _):
        getter = libcurl(CERTIFICATES, ManualClock())
        first = receive(getter, libcurl_request(url), Body(100, ManualClock(), come.set))
        assert sent.wait(PATIENCE)
        others = [get(getter, libcurl_request(url)) for _ in range(2)]
    assert [b"".join(fetched.pieces) for fetched in (first, *others) if fetched] == [PHOTO, b"true", b"true"]


@pytest.mark.parametrize("headers", [{}, {"Transfer-Encoding": "chunked"}], ids=["no length", "chunks"])
def test_a_body_without_end_is_read_no_further_than_allowed(
    aws: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    piece = b"x" * 65_536
    chunk = b"10000\r\n" + piece + b"\r\n"
    answer = 200, headers, itertools.repeat(chunk if headers else piece)
    with bucket(aws, lambda _: answer) as asked, pytest.raises(TooManyBytesError, match="received more"):
        fetch(make_photos(), most=100_000)
    assert asked.by_libcurl() == [True]


def test_a_body_in_chunks_is_whole_and_its_trailer_is_no_head(aws: pytest.MonkeyPatch) -> None:
    chunks = b"2\r\nph\r\n3\r\noto\r\n0\r\nx-amz-checksum-crc32: AAAAAA==\r\n\r\n"
    with bucket(aws, lambda _: (200, {"Transfer-Encoding": "chunked"}, chunks)) as asked:
        assert fetch(make_photos()) == PHOTO
    assert asked.by_libcurl() == [True]


def test_an_error_without_end_is_not_read(aws: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    endless: Response = (503, {}, itertools.repeat(b"x" * 65_536))
    with bucket(aws, lambda request: endless if by_libcurl(request) else whole()):
        assert fetch(make_photos()) == PHOTO
    assert capfd.readouterr().err == "", "libcurl's callbacks print what they raise"


def test_compressed_bytes_stay_as_they_are(aws: pytest.MonkeyPatch) -> None:
    with bucket(aws, lambda _: (200, {"Content-Length": "5", "Content-Encoding": "gzip"}, PHOTO)) as asked:
        assert fetch(make_photos()) == PHOTO
    assert asked.by_libcurl() == [True]


def test_libcurl_follows_no_redirect(aws: pytest.MonkeyPatch) -> None:
    with bucket(aws, lambda _: whole()) as elsewhere, serve(elsewhere) as url:
        redirect = (307, {"Location": url, "Content-Length": "0"}, b"")
        with bucket(aws, lambda request: redirect if by_libcurl(request) else whole(b"by boto3")):
            assert fetch(make_photos()) == b"by boto3"
    assert elsewhere.asked == []


def test_an_interim_answer_is_not_the_answer(aws: pytest.MonkeyPatch) -> None:
    def interim(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nETag: no\r\n\r\n")
        connection.sendall(b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 5\r\n\r\nphoto')

    with talk(interim) as (url, _):
        aws.setenv("AWS_ENDPOINT_URL", url)
        assert make_photos().fetch(S3Object("bucket", "key"), 10).etag == "e"


@pytest.mark.parametrize(
    "answer",
    [
        b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 \r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"",
    ],
    ids=["empty line", "none after 100", "another protocol", "no status", "empty status", "2000", "no head"],
)
def test_an_answer_that_is_no_http_is_no_photo(capfd: pytest.CaptureFixture[str], answer: bytes) -> None:
    with talk(lambda connection: connection.sendall(answer + b"forge")) as (url, _):
        assert get(libcurl(CERTIFICATES, ManualClock()), libcurl_request(url)) is None
    assert capfd.readouterr().err == "", "libcurl's callbacks print what they raise"


def test_a_head_that_ends_early_is_no_photo(aws: pytest.MonkeyPatch) -> None:
    def cut(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")

    def fetched(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nphoto")

    with talk(cut, fetched) as (url, talks):
        aws.setenv("AWS_ENDPOINT_URL", url)
        assert fetch(make_photos()) == PHOTO
    assert [b"PycURL" in head for head in talks.heads] == [True, False]


# time


def test_a_server_that_says_nothing_is_given_up() -> None:
    clock = ManualClock()

    def silent(connection: socket.socket) -> None:
        clock.seconds += s3.READ + 1
        wait_until_gone(connection)

    assert_given_up(clock, silent)


def test_a_body_that_stops_is_given_up() -> None:
    clock = ManualClock()
    came = threading.Semaphore(0)

    def stops(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nphoto")
        assert came.acquire(timeout=PATIENCE)  # the head
        assert came.acquire(timeout=PATIENCE)  # the piece
        clock.seconds += s3.READ + 1
        wait_until_gone(connection)

    assert_given_up(clock, stops, came.release)


def test_a_body_that_comes_slowly_is_waited_for() -> None:
    clock, came = ManualClock(), threading.Semaphore(0)

    def alive() -> None:
        clock.seconds += s3.READ - 1
        came.release()

    def slow(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        for _ in range(2):
            assert came.acquire(timeout=PATIENCE)  # it has what was sent so far
            connection.sendall(b"x")

    with talk(slow) as (url, _):
        fetched = receive(libcurl(CERTIFICATES, clock), libcurl_request(url), Body(100, clock, alive))
    assert fetched is not None
    assert b"".join(fetched.pieces) == b"xx"


def test_a_head_that_trickles_is_given_up() -> None:
    clock = ManualClock()

    def trickles(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for number in range(2 * s3.READ):
            clock.seconds += 1
            connection.sendall(f"x-amz-meta-{number}: x\r\n".encode())
        wait_until_gone(connection)

    assert_given_up(clock, trickles)


def test_a_server_that_accepts_no_connection_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, socket.socket() as first:
        first.connect(server.getsockname())  # it waits where only one may wait
        with ThreadPoolExecutor(1) as thread:
            request = libcurl_request(f"http://127.0.0.1:{server.getsockname()[1]}")
            getting = thread.submit(get, libcurl(CERTIFICATES, ManualClock()), request)
            assert getting.result(10) is None


# certificates and proxies


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def tls(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_a_bundle_of_certificates_is_trusted(
    aws: pytest.MonkeyPatch, authority: trustme.CA, tmp_path: Path, variable: str
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    aws.setenv(variable, str(tmp_path / "ca.pem"))
    asked = Bucket()
    with serve(asked, tls=tls(authority, "127.0.0.1")) as url:
        aws.setenv("AWS_ENDPOINT_URL", url)
        assert fetch(make_photos()) == PHOTO
    assert asked.by_libcurl() == [True]


@pytest.mark.parametrize(
    "order", ["tensorflow, worker.adapters.aws.s3", "worker.adapters.aws.s3, tensorflow"]
)
def test_libcurl_is_its_own_beside_tensorflow_which_brings_a_libcurl_and_a_boringssl(
    aws: pytest.MonkeyPatch, authority: trustme.CA, tmp_path: Path, order: str
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    aws.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    code = (
        f"import time, {order}; from worker.messages import S3Object; s3 = worker.adapters.aws.s3\n"
        "s3.Photos(1, time.monotonic).fetch(S3Object('bucket', 'key'), 10)"
    )
    asked = Bucket()
    with serve(asked, tls=tls(authority, "127.0.0.1")) as url:
        aws.setenv("AWS_ENDPOINT_URL", url)
        subprocess.run([sys.executable, "-c", code], check=True)
    assert asked.by_libcurl() == [True]


@pytest.mark.parametrize(("trusted", "name"), [(False, "127.0.0.1"), (True, "other.test")])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_server_of_another_certificate_or_name_is_asked_for_nothing(
    aws: pytest.MonkeyPatch, authority: trustme.CA, tmp_path: Path, trusted: bool, name: str
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    if trusted:
        aws.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    asked = Bucket()
    with serve(asked, tls=tls(authority, name)) as url:
        aws.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(StorageError):
            fetch(make_photos())
    assert asked.asked == []


def test_certificates_are_found_without_any_of_the_system() -> None:
    assert Path(connections.find_certificates()).read_text().count("BEGIN CERTIFICATE") > 50


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "http_proxy", "ALL_PROXY"])
def test_behind_a_proxy_boto3_fetches(aws: pytest.MonkeyPatch, variable: str) -> None:
    aws.setenv(variable, "http://127.0.0.1:9")
    assert Connections.make(ManualClock(), Limits(1, 1)) is None


def test_no_proxy_alone_is_no_proxy(aws: pytest.MonkeyPatch) -> None:
    aws.setenv("NO_PROXY", "169.254.169.254")
    assert Connections.make(ManualClock(), Limits(1, 1)) is not None


def test_a_proxy_that_is_set_later_is_not_used(aws: pytest.MonkeyPatch) -> None:
    with bucket(aws, lambda _: whole()) as asked:
        photos = make_photos()
        aws.setenv("http_proxy", "http://127.0.0.1:9")
        assert fetch(photos) == PHOTO
    assert asked.by_libcurl() == [True]


# helpers


def libcurl(certificates: str, clock: Callable[[], float]) -> Connections:
    return Connections(certificates, clock, Limits(s3.CONNECT, s3.READ))


def libcurl_request(url: str) -> Signed:
    return Signed(
        url, f"{url}/bucket/key", "aws:amz:us-east-1:s3", ReadOnlyCredentials("KEY", "secret", None)
    )


def get(getter: Connections, request: Signed, most: int = 100) -> Fetched | None:
    return receive(getter, request, Body(most, ManualClock(), lambda: None))


def receive(getter: Connections, request: Signed, body: Body) -> Fetched | None:
    return body.end() if getter.send(request, body) else None


class Talks:
    """What a server that talks as it likes was asked, and where it waited in vain."""

    def __init__(self, talks: Sequence[Talk]) -> None:
        self.heads = list[bytes]()
        self.too_late = list[TimeoutError]()
        self._talks = iter(talks)

    def accept(self, server: socket.socket) -> None:
        with ThreadPoolExecutor() as threads:
            for behave in self._talks:
                connection, _ = server.accept()
                threads.submit(self._talk, connection, behave)

    def _talk(self, connection: socket.socket, behave: Talk) -> None:
        connection.settimeout(PATIENCE)
        with connection, suppress(ConnectionError):
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += connection.recv(65_536)
            self.heads.append(head)
            try:
                behave(connection)
            except TimeoutError as error:
                self.too_late.append(error)


@contextmanager
def talk(*talks: Talk) -> Iterator[tuple[str, Talks]]:
    """A server whose connections, one after the other, behave like this once they were asked something."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        talking = Talks(talks)
        thread = threading.Thread(target=talking.accept, args=(server,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", talking
        thread.join(PATIENCE)
        assert not talking.too_late


def assert_given_up(clock: ManualClock, behave: Talk, alive: Callable[[], None] = lambda: None) -> None:
    """Let libcurl ask a server that ends by waiting until the client goes."""
    with talk(behave) as (url, _):
        body = Body(100, clock, alive)
        assert receive(libcurl(CERTIFICATES, clock), libcurl_request(url), body) is None


def wait_until_gone(connection: socket.socket) -> None:
    assert connection.recv(1) == b""
