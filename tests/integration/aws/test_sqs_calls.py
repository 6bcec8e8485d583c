"""SQS's calls by libcurl and by boto3: on a real queue, and from servers that judge, refuse, lie, stall or trickle."""

import itertools
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from operator import methodcaller
from pathlib import Path
from typing import Any

import pytest
import trustme
from botocore.exceptions import BotoCoreError, NoCredentialsError

from tests.support.fakes import ManualClock, message
from tests.support.http_server import Request, Response, serve
from tests.support.rig import Rig
from tests.support.strict_s3 import StrictSqs
from worker.adapters.aws import sqs, sqs_calls
from worker.adapters.aws.sqs_calls import SqsRoutes
from worker.errors import ConfigurationError, QueueError
from worker.intake import leases
from worker.messages import Message

ANSWER = {
    "Messages": [{"MessageId": "message-1", "ReceiptHandle": "handle-1", "Body": "photo"}],
    "Attributes": {"VisibilityTimeout": "30"},
    "Successful": [{"Id": "0"}],
}
Call = Callable[[sqs.SqsQueue], Any]
CALLS: dict[str, Call] = {
    "receive": lambda queue: [received.body for received in queue.receive(10)],
    "delete": lambda queue: queue.delete([message()]),
    "hide": lambda queue: queue.hide([(message(), 5)]),
}
DONE = {"receive": ["photo"], "delete": [], "hide": []}
SETTLING = ["delete", "hide"]


def ok(answer: object = ANSWER) -> Response:
    return respond_with(json.dumps(answer).encode())


def respond_with(body: bytes, status: int = 200) -> Response:
    return status, {"Content-Length": str(len(body))}, body


def refuse(code: str, status: int = 400) -> Response:
    return respond_with(
        json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": "why"}).encode(), status
    )


class Service:
    """A server in SQS's place, and a queue there. It keeps connections."""

    def __init__(self, respond: Callable[[Request], Response]) -> None:
        self.respond = respond
        self.asked = list[Request]()
        self.clock = ManualClock()

    def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        return self.respond(request)

    def by_libcurl(self) -> list[bool]:
        """For each request, whether libcurl sent it."""
        return [by_libcurl(request) for request in self.asked]

    def queue(self, wait: int = 0) -> sqs.SqsQueue:
        return sqs.SqsQueue("https://any/1/photos", receive_wait=wait, clock=self.clock, now=self.clock.now)


def by_libcurl(request: Request) -> bool:
    return request.headers["User-Agent"].startswith("PycURL")


@contextmanager
def service(
    aws: pytest.MonkeyPatch, respond: Callable[[Request], Response] = lambda _: ok(), *, keeps: bool = True
) -> Iterator[Service]:
    asked = Service(respond)
    with serve(asked, keeps=keeps) as url:
        aws.setenv("AWS_ENDPOINT_URL", url)
        yield asked


# a real queue


@pytest.fixture(params=["by libcurl", "by boto3"])
def queue(request: pytest.FixtureRequest, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> sqs.SqsQueue:
    def fail(name: str, **_: Any) -> None:
        raise AssertionError(f"boto3 was asked for {name}")

    if request.param == "by boto3":
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # a proxy prevents the other way
    else:
        monkeypatch.setattr(sqs_calls, "methodcaller", fail)
    made = sqs.SqsQueue(rig.queue_url, receive_wait=1, clock=time.monotonic, now=lambda: datetime.now(UTC))
    made.use_visibility_timeout(30)
    return made


def receive(queue: sqs.SqsQueue, count: int) -> dict[str, Message]:
    """Receive until there are so many bodies."""
    found = dict[str, Message]()
    for _ in range(10):
        found |= {one.body: one for one in queue.receive(10)}
        if len(found) >= count:
            break
    return found


def test_a_real_queue_gives_hides_and_deletes_messages(rig: Rig, queue: sqs.SqsQueue) -> None:
    bodies = {'{"a": "b\\n"}', "Crème brûlée 🍮", "third"}
    for body in bodies:
        rig.send(body)
    found = receive(queue, 3)
    assert found.keys() == bodies
    assert all(one.receive_count == 1 and one.sent_at for one in found.values())
    assert queue.receive(10) == []
    assert queue.hide([(found["third"], 0)]) == []
    (again,) = receive(queue, 1).values()
    assert (again.message_id, again.receive_count) == (found["third"].message_id, 2)
    assert queue.delete([*({**found, "third": again}).values()]) == []
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    left = rig.sqs.get_queue_attributes(QueueUrl=rig.queue_url, AttributeNames=names)["Attributes"]
    assert set(left.values()) == {"0"}


def test_a_real_queue_names_the_refused_entries_of_a_batch(rig: Rig, queue: sqs.SqsQueue) -> None:
    rig.send("fresh")
    (fresh,) = receive(queue, 1).values()
    stale = replace(fresh, receipt_handle="stale")
    for refused in (queue.hide([(stale, 5), (fresh, 5)]), queue.delete([stale, fresh])):
        assert [one.message for one in refused] == [stale]
        assert refused[0].reason.startswith("ReceiptHandleIsInvalid")


def test_a_real_queue_that_does_not_exist_is_named_as_such(rig: Rig) -> None:
    gone = sqs.SqsQueue(
        f"{rig.queue_url}-gone", receive_wait=0, clock=time.monotonic, now=lambda: datetime.now(UTC)
    )
    with pytest.raises(ConfigurationError, match=r"cannot be reached.*NonExistentQueue"):
        gone.rules()
    for call in CALLS.values():
        with pytest.raises(QueueError, match="NonExistentQueue"):
            call(gone)


# signatures and credentials


@pytest.mark.parametrize("token", ["", "IQoJb3JpZ2luX2VjE/+=="], ids=["lasting", "temporary"])
def test_sqs_accepts_the_signature_of_every_call(aws: pytest.MonkeyPatch, token: str) -> None:
    if token:
        aws.setenv("AWS_SESSION_TOKEN", token)
    judge = StrictSqs({"KEY": ("secret", token or None)}, give=json.dumps(ANSWER).encode())
    with service(aws, judge) as asked:
        queue = asked.queue()
        queue.use_visibility_timeout(queue.rules().visibility_timeout)
        assert {name: call(queue) for name, call in CALLS.items()} == DONE
    assert judge.signed_by == ["KEY"] * 4
    assert asked.by_libcurl() == [True] * 4


@pytest.mark.parametrize(("secret", "token"), [("other", None), ("secret", "token")])
def test_the_judge_of_these_tests_refuses_what_sqs_would(
    aws: pytest.MonkeyPatch, secret: str, token: str | None
) -> None:
    judge = StrictSqs({"KEY": (secret, token)}, give=b"{}")
    with service(aws, judge) as asked, pytest.raises(QueueError):
        asked.queue().receive(1)
    assert judge.signed_by == []


@pytest.mark.parametrize("name", CALLS)
def test_refused_credentials_are_replaced_and_the_new_ones_are_libcurls_too(
    aws: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "credentials"

    def rotate(key: str, token: str) -> None:
        file.write_text(
            f"[default]\naws_access_key_id = {key}\naws_secret_access_key = of {key}\naws_session_token = {token}\n"
        )

    aws.delenv("AWS_ACCESS_KEY_ID")
    aws.delenv("AWS_SECRET_ACCESS_KEY")
    aws.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    rotate("OLD", "first")
    judge = StrictSqs({"OLD": ("of OLD", "first")}, give=json.dumps(ANSWER).encode())
    with service(aws, judge) as asked:
        queue = asked.queue()
        CALLS[name](queue)
        judge.known = {"NEW": ("of NEW", "second")}
        rotate("NEW", "second")
        for _ in range(2):
            assert CALLS[name](queue) == DONE[name]
    assert judge.signed_by == ["OLD", "NEW", "NEW"]
    assert asked.by_libcurl() == [True, True, False, False, True]


@pytest.mark.usefixtures("role")
def test_a_roles_credentials_are_renewed_before_they_end(aws: pytest.MonkeyPatch) -> None:
    judge = StrictSqs({"ROLE2": ("of 2", "token 2")}, give=json.dumps(ANSWER).encode())
    with service(aws, judge) as asked:
        calls = SqsRoutes(connect=1, read=1, attempts=1)
        requests = [calls.find("ReceiveMessage", {}) for _ in range(3)]
    assert [request.credentials.access_key for request in requests if request] == ["ROLE2"] * 3
    assert asked.asked == []


def test_without_credentials_libcurl_asks_for_nothing(aws: pytest.MonkeyPatch) -> None:
    aws.delenv("AWS_ACCESS_KEY_ID")
    aws.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(NoCredentialsError):
        SqsRoutes(connect=1, read=1, attempts=1).find("ReceiveMessage", {})


# where, and what


@pytest.mark.parametrize(
    ("environment", "host"),
    [
        ({}, "https://sqs.us-east-1.amazonaws.com/"),
        ({"AWS_DEFAULT_REGION": "eu-central-1"}, "https://sqs.eu-central-1.amazonaws.com/"),
        ({"AWS_DEFAULT_REGION": "cn-north-1"}, "https://sqs.cn-north-1.amazonaws.com.cn/"),
        ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "https://sqs.us-east-1.api.aws/"),
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, "https://sqs-fips.us-east-1.amazonaws.com/"),
        ({"AWS_ENDPOINT_URL": "http://queues:9324"}, "http://queues:9324/"),
        (
            {"AWS_ENDPOINT_URL_SQS": "https://[::1]:9/a/b", "AWS_ENDPOINT_URL": "http://s3"},
            "https://[::1]:9/a/b",
        ),
    ],
    ids=["AWS", "region", "China", "dual stack", "FIPS", "another server", "IPv6 with a path"],
)
def test_libcurl_asks_what_botocore_would(
    aws: pytest.MonkeyPatch, environment: Mapping[str, str], host: str
) -> None:
    for variable, value in environment.items():
        aws.setenv(variable, value)
    routes, sent = SqsRoutes(connect=1, read=1, attempts=1), list[Any]()

    def keep(request: Any, **_: Any) -> None:
        sent.append(request)
        raise BotoCoreError

    parameters = {"QueueUrl": "https://any/1/photos", "MaxNumberOfMessages": 10}
    routes.client.call(lambda client: client.meta.events.register("before-send.sqs.*", keep))
    with pytest.raises(BotoCoreError):
        routes.client.call(methodcaller("receive_message", **parameters))
    request = routes.find("ReceiveMessage", parameters)
    assert request is not None
    assert (request.url, request.data) == (sent[0].url, sent[0].body)
    assert request.url == host
    region = environment.get("AWS_DEFAULT_REGION", "us-east-1")
    assert request.scope == f"aws:amz:{region}:sqs"
    fields = dict(header.split(": ") for header in request.headers)
    assert fields == {name: sent[0].headers[name].decode() for name in ("Content-Type", "X-Amz-Target")}


def test_calls_that_botocore_signs_in_another_way_are_boto3s(aws: pytest.MonkeyPatch) -> None:
    aws.setattr(SqsRoutes, "signs", "host")
    with service(aws) as asked:
        assert asked.queue().receive(1)
    assert asked.by_libcurl() == [False]


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
def test_behind_a_proxy_boto3_calls_as_often_as_without(aws: pytest.MonkeyPatch, variable: str) -> None:
    aws.setenv(variable, "http://127.0.0.1:9")
    aws.setenv("NO_PROXY", "127.0.0.1")
    unavailable = refuse("ServiceUnavailable", 503)
    with service(aws, lambda _: unavailable) as asked, pytest.raises(QueueError, match="ServiceUnavailable"):
        asked.queue().receive(1)
    assert asked.by_libcurl() == [False] * sqs.POLL_ATTEMPTS


def test_a_bundle_of_certificates_is_trusted(aws: pytest.MonkeyPatch, tmp_path: Path) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    aws.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    asked = Service(lambda _: ok())
    with serve(asked, tls=context, keeps=True) as url:
        aws.setenv("AWS_ENDPOINT_URL_SQS", url)
        queue = asked.queue()
        assert {name: call(queue) for name, call in CALLS.items()} == DONE
    assert asked.by_libcurl() == [True] * 3


def test_receives_at_once_are_not_mixed_up_and_keep_their_connections(aws: pytest.MonkeyPatch) -> None:
    together, receivers = threading.Barrier(4), 4

    def respond(request: Request) -> Response:
        together.wait(10)  # all are under way
        most = json.loads(request.body)["MaxNumberOfMessages"]
        return ok({"Messages": [{"MessageId": f"{most}", "ReceiptHandle": "handle"}] * most})

    with service(aws, respond) as asked:
        queue = asked.queue()
        with ThreadPoolExecutor(receivers) as threads:
            for _ in range(3):
                received = list(threads.map(queue.receive, range(1, receivers + 1)))
                assert [[one.message_id for one in messages] for messages in received] == [
                    [f"{most}"] * most for most in range(1, receivers + 1)
                ]
    assert all(asked.by_libcurl())
    assert len({request.peer for request in asked.asked}) == receivers


# failures


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("status", "code"), [(503, "ServiceUnavailable"), (400, "RequestThrottled"), (403, "AccessDenied")]
)
def test_a_refusal_has_the_code_that_boto3_finds(
    aws: pytest.MonkeyPatch, name: str, status: int, code: str
) -> None:
    with service(aws, lambda _: refuse(code, status)) as asked, pytest.raises(QueueError, match=code):
        CALLS[name](asked.queue())
    assert asked.by_libcurl() == [True, False]


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "broken",
    [
        (200, {"Content-Length": "100"}, b'{"Messages": [], '),
        (307, {"Location": "http://127.0.0.1:9/"}, b""),
        (503, {}, itertools.repeat(b"x" * 65_536)),
    ],
    ids=["cut short", "redirect", "error without end"],
)
def test_what_libcurl_fails_at_boto3_does(aws: pytest.MonkeyPatch, name: str, broken: Response) -> None:
    with service(aws, lambda request: broken if by_libcurl(request) else ok(), keeps=False) as asked:
        queue = asked.queue()
        assert CALLS[name](queue) == DONE[name]
        asked.respond = lambda _: ok()
        assert CALLS[name](queue) == DONE[name]
    assert asked.by_libcurl() == [True, False, True]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        *(
            (body, name)
            for body in (b"", b"<html>", b"\xff", b"null", b"[1]", b"[" * 10**6)
            for name in CALLS
        ),
        (b'{"Messages": 3}', "receive"),
        (b'{"Messages": [{}]}', "receive"),
        (b'{"Messages": ["a"]}', "receive"),
        (b'{"Failed": [{"Id": "7"}]}', "delete"),
        (b'{"Failed": ["a"]}', "hide"),
    ],
)
def test_an_unreadable_answer_is_no_answer(aws: pytest.MonkeyPatch, body: bytes, name: str) -> None:
    with service(aws, lambda _: respond_with(body)) as asked, pytest.raises(QueueError):
        CALLS[name](asked.queue())
    assert asked.by_libcurl() == [True]


@pytest.mark.parametrize("name", SETTLING)
def test_an_entry_that_the_sender_is_at_fault_for_is_stale(aws: pytest.MonkeyPatch, name: str) -> None:
    both = [message(number=1), message(number=2)]
    failed = [{"Id": "0", "Code": "InternalError"}, {"Id": "1", "Code": "Stale", "SenderFault": True}]
    with service(aws, lambda _: ok({"Failed": failed})) as asked:
        queue = asked.queue()
        refused = queue.delete(both) if name == "delete" else queue.hide([(one, 5) for one in both])
    assert [(one.message, one.stale) for one in refused] == [(both[0], False), (both[1], True)]
    assert asked.by_libcurl() == [True]


@pytest.mark.parametrize("answer", [{}, {"Messages": None, "Failed": None}], ids=["nothing", "null"])
def test_an_answer_without_entries_is_empty(aws: pytest.MonkeyPatch, answer: object) -> None:
    with service(aws, lambda _: ok(answer)) as asked:
        assert [call(asked.queue()) for call in CALLS.values()] == [[], [], []]


@pytest.mark.parametrize("name", CALLS)
def test_an_answer_without_end_is_read_no_further_than_any_can_be(aws: pytest.MonkeyPatch, name: str) -> None:
    aws.setattr(sqs_calls, "MOST_BYTES", 10**6)
    endless: Response = (200, {}, itertools.repeat(b" " * 65_536))
    with service(aws, lambda _: endless) as asked, pytest.raises(QueueError, match="more than 1000000 bytes"):
        CALLS[name](asked.queue())
    assert asked.by_libcurl() == [True]


def test_a_server_that_cannot_be_reached_is_a_queue_error(aws: pytest.MonkeyPatch) -> None:
    aws.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    for call in CALLS.values():
        with pytest.raises(QueueError, match="EndpointConnectionError"):
            call(Service(lambda _: ok()).queue())


# time


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("trickles", [False, True], ids=["silent", "trickling"])
def test_a_call_whose_time_is_up_is_given_up_and_boto3_makes_the_next(
    aws: pytest.MonkeyPatch, name: str, trickles: bool
) -> None:
    gone = threading.Event()

    def pieces() -> Iterable[bytes]:
        for _ in range(100):
            asked.clock.seconds += 1
            yield b" "
        gone.wait(10)

    def stall(_: Request) -> Response:
        if trickles:
            return 200, {}, pieces()
        asked.clock.seconds += 100
        gone.wait(10)
        return ok()

    with service(aws, stall) as asked:
        queue = asked.queue(wait=20)
        try:
            with pytest.raises(QueueError, match="ConnectionClosedError"):
                CALLS[name](queue)
        finally:
            gone.set()
        assert asked.by_libcurl() == [True]
        asked.respond = lambda _: ok()
        for _ in range(3):
            assert CALLS[name](queue) == DONE[name]
    assert asked.by_libcurl() == [True, False, True, True]


@pytest.mark.parametrize("name", SETTLING)
def test_a_failure_that_took_long_is_not_followed_by_another_try(aws: pytest.MonkeyPatch, name: str) -> None:
    def slow(_: Request) -> Response:
        asked.clock.seconds += sqs.SETTLE_PATIENCE + 0.1
        return refuse("ServiceUnavailable", 503)

    with service(aws, slow) as asked:
        queue = asked.queue()
        for code in ("ConnectionClosedError", "ServiceUnavailable", "ServiceUnavailable"):
            with pytest.raises(QueueError, match=code):
                CALLS[name](queue)
    assert asked.by_libcurl() == [True, False, False]


def test_no_call_that_settles_outlasts_the_safety_of_a_lease() -> None:
    assert sqs.SETTLE_PATIENCE + sqs.SETTLE_CONNECT + sqs.SETTLE_READ < leases.SAFETY


def test_a_long_poll_is_waited_for(aws: pytest.MonkeyPatch) -> None:
    def late(_: Request) -> Response:
        asked.clock.seconds += 20 + sqs.READ_EXTRA - 1
        return ok()

    with service(aws, late) as asked:
        assert CALLS["receive"](asked.queue(wait=20)) == ["photo"]
    assert asked.by_libcurl() == [True]
