"""What the door's HTTP does with clients that are slow, hostile, odd or merely early."""

import json
from collections.abc import Iterator

import pytest

from tests.support.raw_http import RawClient
from tests.support.waiting import eventually
from tests.unit.door.http.serving import Serving, serving
from worker.door.http import cap, connection, incoming, protocol, transport

WAIT = b"GET /wait HTTP/1.1\r\nHost: door\r\n\r\n"
HEAD = b"POST %s HTTP/1.1\r\nHost: door\r\n"


@pytest.fixture(autouse=True)
def nobody_has_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "CLOSING", 0.3)
    monkeypatch.setattr(protocol, "GRACE", 0.1)


@pytest.fixture
def door() -> Iterator[Serving]:
    with serving() as made:
        yield made


def post(path: str, body: bytes, *fields: bytes) -> bytes:
    length = b"Content-Length: %d" % len(body)
    return HEAD % path.encode() + b"\r\n".join([length, *fields]) + b"\r\n\r\n" + body


# Ordinary clients


def test_a_connection_serves_one_request_after_another(door: Serving) -> None:
    client = door.client()
    for number in range(3):
        client.send(post("/read", b"x" * number))
        assert client.answer().body == b"%d" % number
    assert client.get("/livez").body == b"ok"


def test_a_body_in_chunks_is_read_and_its_trailers_are_dropped(door: Serving) -> None:
    client = door.client()
    client.send(HEAD % b"/read", b"Transfer-Encoding: chunked\r\n\r\n")
    client.send(b"4;name=value\r\nabcd\r\n", b"2\r\nef\r\n", b"0\r\nX-Late: 1\r\nHost: other\r\n\r\n")
    assert client.answer().body == b"6"
    assert door.app.bodies == [b"abcdef"]
    assert not [name for name, _ in door.app.scopes[0]["headers"] if name == b"x-late"]
    assert client.get().status == 200


def test_a_large_body_comes_in_small_parts(door: Serving) -> None:
    client = door.client()
    client.send(post("/read", bytes(5_000_000)))
    assert client.answer().body == b"5000000"
    assert door.app.largest_part <= 65_536 + connection.READ


def test_head_has_the_head_of_get_and_no_body(door: Serving) -> None:
    client = door.client()
    client.send(b"HEAD /livez HTTP/1.1\r\nHost: door\r\n\r\n")
    assert client.answer(head_only=True).headers["content-length"] == "2"
    assert client.get("/livez").body == b"ok"


@pytest.mark.parametrize("target", [b"http://door/livez", b"http://other:80/livez?x=1", b"/livez?x=1"])
def test_targets_may_be_absolute(door: Serving, target: bytes) -> None:
    client = door.client()
    client.send(b"GET %s HTTP/1.1\r\nHost: door\r\n\r\n" % target)
    assert client.answer().status == 200
    assert door.app.seen == {"/livez": 1}


def test_requests_sent_ahead_are_answered_in_their_order(door: Serving) -> None:
    client = door.client()
    client.send(post("/read", b"a"), post("/read", b"bc"), b"GET / HTTP/1.1\r\nHost: door\r\n\r\n")
    assert [client.answer().body for _ in range(3)] == [b"1", b"2", b"ok"]


def test_http_1_0_and_connection_close_end_the_connection(door: Serving) -> None:
    for head in (b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: door\r\nConnection: close\r\n\r\n"):
        client = door.client()
        client.send(head)
        answer = client.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert client.is_closed()


def test_an_upgrade_is_ignored(door: Serving) -> None:
    client = door.client()
    upgrade = b"GET / HTTP/1.1\r\nHost: door\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n"
    for protocol_name in (b"websocket", b"h2c"):
        client.send(upgrade % protocol_name + b"GET /after HTTP/1.1\r\nHost: door\r\n\r\n")
        assert [client.answer().status for _ in range(2)] == [200, 200]
    assert door.app.seen["/after"] == 2


def test_100_continue_comes_when_the_body_is_wanted(door: Serving) -> None:
    client = door.client()
    client.send(HEAD % b"/read", b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
    assert client.answer().status == 100
    client.send(b"abc")
    assert client.answer().body == b"3"
    assert client.get().status == 200, "the connection can be used again"


def test_100_continue_does_not_come_for_what_is_refused_and_nothing_after_it_is_taken_for_a_body(
    door: Serving,
) -> None:
    client = door.client()
    client.send(HEAD % b"/refuse", b"Content-Length: 30\r\nExpect: 100-continue\r\n\r\n")
    answer = client.answer()
    assert (answer.status, answer.headers["connection"]) == (429, "close")
    client.send(b"GET /livez HTTP/1.1\r\nHost: door\r\n\r\n")
    assert client.is_closed()
    assert door.app.seen == {"/refuse": 1}


# Refusals that come early


def test_a_refusal_arrives_while_the_client_still_sends_and_the_connection_can_be_used_again(
    door: Serving,
) -> None:
    client, size = door.client(), 25_000_000
    client.send(HEAD % b"/refuse", b"Content-Length: %d\r\n\r\n" % size, bytes(1_000_000))
    assert client.answer().status == 429
    client.send(bytes(size - 1_000_000))
    assert client.get("/livez").body == b"ok"


def test_what_came_of_a_refused_body_is_not_kept(door: Serving) -> None:
    client = door.client()
    client.send(post("/refuse", bytes(60_000)))
    assert client.answer().status == 429
    (connection,) = door.server._uvicorn.server_state.connections
    assert isinstance(connection, protocol.Protocol)
    eventually(lambda: connection._incoming.owes is incoming.Owes.NOTHING and connection.cycle.body == b"")


@pytest.mark.parametrize(
    ("length", "connection"),
    [(b"Content-Length: 9000000000", "close"), (b"Transfer-Encoding: chunked", None)],
)
def test_a_body_without_end_is_cut_off_after_its_refusal_has_been_read(
    length: bytes, connection: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "MOST_DROPPED", 3_000_000)
    with serving(door_body_timeout=60.0) as door:
        client = door.client()
        client.send(HEAD % b"/refuse", length, b"\r\n\r\n")
        with pytest.raises((ConnectionResetError, BrokenPipeError)):  # noqa: PT012 - some send fails
            for _ in range(3000):
                client.send(b"f4240\r\n", bytes(1_000_000), b"\r\n")
        answer = client.answer()
        assert (answer.status, answer.headers.get("connection")) == (429, connection)


# Slow clients


def test_a_silent_client_is_left_without_a_word(door: Serving) -> None:
    assert door.client().is_closed()
    assert door.counts["door_connection_silent"] == 1


@pytest.mark.parametrize(
    "head", [b"\r\n\r\nG", b"GET / HTTP/1.1\r\nHost:", b"GET / HTTP/1.1\r\nHost: door\r\n"]
)
def test_a_head_that_does_not_end_is_a_time_out(door: Serving, head: bytes) -> None:
    client = door.client()
    client.send(head)
    answer = client.answer()
    assert (answer.status, answer.headers["connection"]) == (408, "close")
    assert client.is_closed()
    assert door.app.seen == {}


def test_a_head_that_trickles_has_no_more_time(door: Serving) -> None:
    client = door.client()
    client.send(b"GET / HTTP/1.1\r\nHost: door\r\nX: ")
    with pytest.raises((ConnectionResetError, BrokenPipeError)):  # noqa: PT012 - some send fails
        while not door.app.gate.wait(0.02):
            client.send(b"x")
    assert client.answer().status == 408


def test_the_time_for_a_head_begins_with_its_first_byte(door: Serving) -> None:
    client = door.client()
    client.get()
    door.app.gate.wait(2 * door.server._limits.seconds)
    assert client.get().status == 200


@pytest.mark.parametrize("length", [b"Content-Length: 9", b"Transfer-Encoding: chunked"])
def test_a_body_that_does_not_come_ends_its_request(door: Serving, length: bytes) -> None:
    client = door.client()
    client.send(HEAD % b"/read", length, b"\r\n\r\n3\r\nabc")
    assert client.answer().status == 408
    assert client.is_closed()
    eventually(lambda: door.app.seen["gone"] == 1)


def test_a_refused_body_that_does_not_come_ends_its_connection_without_a_second_answer(door: Serving) -> None:
    client = door.client()
    client.send(HEAD % b"/refuse", b"Content-Length: 9\r\n\r\nabc")
    assert client.answer().status == 429
    assert client.is_closed()
    assert "refusals_slow_body" not in door.counts


def test_an_idle_connection_ends_after_its_time() -> None:
    with serving(door_keep_alive=0.2) as door:
        client = door.client()
        assert client.get().status == 200
        assert client.is_closed()


def test_a_connection_with_a_request_is_not_idle() -> None:
    with serving(door_keep_alive=0.2) as door:
        client = door.client()
        client.get()
        client.send(WAIT)
        door.app.gate.wait(0.5)
        door.app.gate.set()
        assert client.answer().body == b"at last"


def test_the_apps_time_is_not_the_clients(door: Serving) -> None:
    client = door.client()
    client.send(WAIT)
    door.app.gate.wait(3 * door.server._limits.seconds)
    door.app.gate.set()
    assert client.answer().body == b"at last"


def test_a_head_that_is_sent_ahead_has_its_time_once_the_answer_before_it_is_there(door: Serving) -> None:
    client = door.client()
    client.send(WAIT, b"GET / HTTP/1.1\r\nHost: ")
    eventually(lambda: door.app.seen["waiting"] == 1)
    door.app.gate.wait(2 * door.server._limits.seconds)
    door.app.gate.set()
    assert client.answer().body == b"at last"
    assert client.answer().status == 408
    assert client.is_closed()


def test_a_client_that_does_not_read_its_answer_is_cut_off(door: Serving) -> None:
    client = door.client()
    client.send(b"GET /large HTTP/1.1\r\nHost: door\r\n\r\n")
    eventually(lambda: door.app.seen["/large"] == 1)
    eventually(lambda: not door.server._uvicorn.server_state.connections)


# Clients that go away


@pytest.mark.parametrize("ahead", [0, 2])
def test_the_app_hears_of_a_client_that_goes_away_whatever_it_has_sent_ahead(
    door: Serving, ahead: int
) -> None:
    client = door.client()
    client.send(WAIT)
    eventually(lambda: door.app.seen["waiting"] == 1)
    client.send(b"GET / HTTP/1.1\r\nHost: door\r\n\r\n" * ahead)
    client.close()
    eventually(lambda: door.app.seen["gone"] == 1)
    assert door.app.seen["/"] == 0


# Too much


@pytest.mark.parametrize(
    "part", [b"x" * 1000, b"X: 1\r\n" * 50, b"X-Long-Name-%d: 1\r\n" % 1 * 50], ids=["long", "many", "more"]
)
def test_a_head_without_end_is_refused(door: Serving, part: bytes) -> None:
    client = door.client()
    client.send(b"GET / HTTP/1.1\r\nHost: door\r\nX: ")
    with pytest.raises((ConnectionResetError, BrokenPipeError)):  # noqa: PT012 - some send fails
        while True:
            client.send(part)
    assert client.answer().status == 431
    assert door.app.seen == {}


@pytest.mark.parametrize("target", [b"/", b"/" + b"x" * 20_000])
def test_a_target_and_fields_have_their_room(door: Serving, target: bytes) -> None:
    client = door.client()
    fields = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 100) for number in range(90))
    client.send(b"GET %s HTTP/1.1\r\nHost: door\r\n%s\r\n" % (target, fields))
    assert client.answer().status == 200


def test_small_fields_are_counted(door: Serving) -> None:
    client = door.client()
    client.send(b"GET / HTTP/1.1\r\nHost: door\r\n", b"X: 1\r\n" * 100, b"\r\n")
    assert client.answer().status == 431


def test_a_target_without_end_is_refused(door: Serving) -> None:
    client = door.client()
    client.send(b"GET /" + b"x" * 60_000)
    assert client.answer().status == 431


def test_trailers_without_end_are_refused(door: Serving) -> None:
    client = door.client()
    client.send(HEAD % b"/read", b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n")
    with pytest.raises((ConnectionResetError, BrokenPipeError)):  # noqa: PT012 - some send fails
        while True:
            client.send(b"X: 1\r\n" * 100)
    assert client.answer().status == 431


def test_many_requests_sent_ahead_end_the_connection_after_the_one_at_work(door: Serving) -> None:
    client = door.client()
    client.send(WAIT + b"GET / HTTP/1.1\r\nHost: door\r\n\r\n" * 100)
    eventually(lambda: door.counts.get("refusals_bad_request") == 1)
    door.app.gate.set()
    assert client.answer().body == b"at last"
    assert client.is_closed()
    assert door.app.seen["/"] == 0


def test_a_body_sent_ahead_is_not_kept(door: Serving) -> None:
    client = door.client()
    client.send(WAIT)
    client.send(HEAD % b"/read", b"Content-Length: 1000000\r\n\r\n", bytes(1_000_000))
    eventually(lambda: door.counts.get("refusals_bad_request") == 1)
    door.app.gate.set()
    assert client.answer().body == b"at last"
    assert client.is_closed()


# Too many


def assert_turned_away(client: RawClient) -> None:
    answer = client.answer()
    assert (answer.status, answer.headers["connection"]) == (503, "close")
    assert (json.loads(answer.body)["code"], answer.headers["retry-after"]) == ("no_connection", "1")
    assert client.is_closed()


@pytest.fixture
def nothing_to_spare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cap, "SPARE", 0)
    monkeypatch.setattr(cap, "MOST_LEAVING", 0)


@pytest.mark.usefixtures("nothing_to_spare")
def test_beyond_the_cap_the_connection_that_has_been_idle_for_longest_is_turned_away() -> None:
    with serving(door_connections=3, door_body_timeout=20.0) as door:
        idle, busy = door.client(), door.client()
        idle.get()
        busy.send(WAIT)
        eventually(lambda: door.app.seen["/wait"] == 1)
        silent = door.client()
        newest = door.client()
        assert newest.get("/livez").status == 200
        assert_turned_away(idle)
        assert door.client().get("/livez").status == 200
        assert_turned_away(silent)
        door.app.gate.set()
        assert busy.answer().body == b"at last"
        assert door.counts["door_connection_evicted"] == 2


def test_while_all_are_busy_only_health_checks_are_answered() -> None:
    with serving(door_connections=2, door_body_timeout=20.0) as door:
        busy = [door.client(), door.client()]
        for client in busy:
            client.send(WAIT)
        eventually(lambda: door.app.seen["/wait"] == 2)
        assert door.client().get("/livez").status == 200
        other = door.client()
        other.send(b"GET /other HTTP/1.1\r\nHost: door\r\n\r\n")
        assert_turned_away(other)
        busy[0].send(WAIT)  # ahead of its answer: that is no further connection
        door.app.gate.set()
        assert [client.answer().body for client in (*busy, busy[0])] == [b"at last"] * 3
        assert door.client().get("/other").status == 200


@pytest.mark.usefixtures("nothing_to_spare")
def test_beyond_what_is_spared_for_them_nobody_is_answered() -> None:
    with serving(door_connections=2, door_body_timeout=20.0) as door:
        for client in (door.client(), door.client()):
            client.send(WAIT)
        eventually(lambda: door.app.seen["/wait"] == 2)
        assert_turned_away(door.client())
        assert "/livez" not in door.app.seen


@pytest.mark.parametrize(
    "request_", [b"GET / HTTP/1.1\r\nHost: door\r\n\r\n", post("/read", bytes(20_000))], ids=["get", "post"]
)
def test_a_burst_while_all_are_busy_is_told_so_though_nobody_has_read_its_requests(request_: bytes) -> None:
    with serving(door_connections=8, door_body_timeout=20.0) as door:
        for _ in range(8):
            door.client().send(WAIT)
        eventually(lambda: door.app.seen["/wait"] == 8)
        burst = []
        with door.hanging():
            for _ in range(200):
                burst.append(door.client())
                burst[-1].send(request_)
        for client in burst:
            assert_turned_away(client)
        assert door.client().get("/livez").status == 200
        assert len(door.server._uvicorn.server_state.connections) <= 8 + cap.SPARE + cap.MOST_LEAVING


def test_a_burst_of_clients_that_have_not_asked_yet_is_told_so_before_they_do() -> None:
    with serving(door_connections=8, door_body_timeout=20.0) as door:
        burst = [door.client() for _ in range(100)]
        late = burst[: -8 - cap.SPARE]
        eventually(lambda: door.counts.get("door_connection_evicted") == len(late))
        for client in late:
            client.send(b"GET / HTTP/1.1\r\nHost: door\r\n\r\n")
            assert_turned_away(client)
        assert {client.get().status for client in burst[len(late) :]} == {200}


def test_what_follows_a_refused_body_that_does_not_end_is_not_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(incoming, "MOST_DROPPED", 1000)
    with serving(door_body_timeout=20.0) as door:
        client = door.client()
        client.send(HEAD % b"/refuse", b"Transfer-Encoding: chunked\r\n\r\n")
        assert client.answer().status == 429
        client.send(b"7d0\r\n" + bytes(2000) + b"\r\n0\r\n\r\nGET /after HTTP/1.1\r\nHost: door\r\n\r\n")
        assert client.is_closed()
        assert door.client().get("/livez").status == 200
        assert door.app.seen == {"/refuse": 1, "/livez": 1}
        assert door.counts.get("door_error", 0) == 0


@pytest.mark.usefixtures("nothing_to_spare")
def test_connections_that_are_about_to_end_can_be_ended_for_others() -> None:
    with serving(door_connections=8, door_body_timeout=20.0) as door:
        for _ in range(40):
            client = door.client()
            client.send(b"no HTTP\r\n\r\n")
            assert client.answer().status == 400
        assert len(door.server._uvicorn.server_state.connections) <= 8
        assert door.client().get("/livez").status == 200


# What is no HTTP, or two things at once (request smuggling)


@pytest.mark.parametrize(
    "head",
    [
        b"no HTTP at all\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: door\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: door\r\nHost: other\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : door\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: door\r\n folded: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: door\r\nX: a\x00b\r\n\r\n",
        b"GET /\xc3\xa4 HTTP/1.1\r\nHost: door\r\n\r\n",
        b"GET / HTTP/1.1\nHost: door\n\n",
        b"CONNECT door:443 HTTP/1.1\r\nHost: door\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: door\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: door\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: door\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: door\r\nContent-Length: 3, 3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: door\r\nContent-Length: -3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: door\r\nContent-Length: +3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: door\r\nContent-Length: 99999999999999999999\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: door\r\nTransfer-Encoding: gzip\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: door\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: door\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.0\r\nHost: door\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(door: Serving, head: bytes) -> None:
    client = door.client()
    client.send(head)
    answer = client.answer()
    assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert json.loads(answer.body)["code"] == "bad_request"
    assert answer.headers["content-type"] == "application/problem+json"
    assert client.is_closed()
    assert door.counts["refusals_bad_request"] == 1
    assert door.app.seen == {}, "the app must not see it"


@pytest.mark.parametrize(
    "chunk", [b"zz\r\n", b"3\r\nabcd\r\n", b"-1\r\n", b"3 \r\nabc\r\n", b"fffffffffffffffff\r\n"]
)
def test_a_broken_chunk_ends_its_request(door: Serving, chunk: bytes) -> None:
    client = door.client()
    client.send(HEAD % b"/read", b"Transfer-Encoding: chunked\r\n\r\n")
    eventually(lambda: door.app.seen["/read"] == 1)
    client.send(chunk)
    assert client.answer().status == 400
    eventually(lambda: door.app.seen["gone"] == 1)
    assert client.is_closed()


def test_what_follows_a_request_that_is_no_http_does_not_disturb_its_answer(door: Serving) -> None:
    client = door.client()
    client.send(WAIT)
    eventually(lambda: door.app.seen["/wait"] == 1)
    client.send(b"no HTTP\r\n\r\n")
    eventually(lambda: door.counts.get("refusals_bad_request") == 1)
    door.app.gate.set()
    answer = client.answer()
    assert (answer.body, answer.headers["connection"]) == (b"at last", "close")
    assert client.is_closed()
