"""The server's life: it listens early, tells when its loop hangs, and ends in time."""

import socket
import threading
import time
from typing import Any

import pytest
import structlog

from tests.support.waiting import eventually
from tests.unit.door.http.serving import Serving, serving
from worker.door.http.protocol import Protocol
from worker.errors import ConfigurationError

STREAM = b"GET /stream HTTP/1.1\r\nHost: door\r\n\r\n"
WAIT = b"GET /wait HTTP/1.1\r\nHost: door\r\n\r\n"


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("0.0.0.0", 0)) as other:  # noqa: S104 - the address that the door takes
        taken = other.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"WORKER_DOOR_PORT: cannot listen on {taken}"):
            Serving(door_port=taken).server.start()


def test_it_listens_as_soon_as_it_has_started() -> None:
    with serving() as door:
        assert door.client().get("/livez").body == b"ok"


def test_no_part_of_an_answer_waits_until_the_client_has_confirmed_another() -> None:
    with serving() as door:
        door.client().get()
        (connection,) = door.server._uvicorn.server_state.connections
        assert isinstance(connection, Protocol)
        mine = connection.transport.get_extra_info("socket")
        assert mine.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_its_loop_has_an_age_that_grows_only_while_it_hangs() -> None:
    with serving() as door:
        eventually(lambda: door.server.age() < 0.2)
        door.client().send(b"GET /hang HTTP/1.1\r\nHost: door\r\n\r\n")
        eventually(lambda: door.server.age() > 0.5)
        door.app.gate.set()
        eventually(lambda: door.server.age() < 0.2)


def test_what_has_ended_the_loop_is_raised_to_whoever_asks_for_its_age() -> None:
    with serving() as door:
        loop = door.server.loop
        assert loop
        loop.call_soon_threadsafe(loop.stop)
        eventually(lambda: not door.server._thread.is_alive())
        with pytest.raises(RuntimeError, match="Event loop stopped"):
            door.server.age()


def test_a_stop_answers_what_is_under_way() -> None:
    with serving() as door:
        client = door.client()
        client.send(WAIT)
        eventually(lambda: door.app.seen["/wait"] == 1)
        threading.Timer(0.2, door.app.gate.set).start()
        door.server.stop(5)
        answer = client.answer()
        assert (answer.body, answer.headers["connection"]) == (b"at last", "close")


@pytest.mark.parametrize("path", [b"/wait", b"/stream", b"/large"])
def test_a_stop_cuts_off_what_does_not_end(path: bytes) -> None:
    with serving(door_body_timeout=20.0) as door:
        client = door.client()
        client.send(b"GET %s HTTP/1.1\r\nHost: door\r\n\r\n" % path)
        eventually(lambda: door.app.seen[path.decode()] == 1)
        begun = time.monotonic()
        door.server.stop(0.3)
        assert time.monotonic() - begun < 1
        assert not door.server._thread.is_alive()
        assert door.counts.get("door_error", 0) == 0


def test_a_stop_does_not_wait_for_those_that_say_nothing() -> None:
    with serving(door_body_timeout=20.0) as door:
        silent, idle = door.client(), door.client()
        idle.get()
        begun = time.monotonic()
        door.server.stop(5)
        assert time.monotonic() - begun < 1
        assert silent.is_closed()
        assert idle.is_closed()


def test_close_idle_ends_each_connection_with_its_next_answer_and_still_takes_others() -> None:
    with serving(door_body_timeout=20.0) as door:
        idle, busy = door.client(), door.client()
        idle.get()
        busy.send(WAIT)
        eventually(lambda: door.app.seen["/wait"] == 1)
        door.server.close_idle()
        assert idle.is_closed()
        door.app.gate.set()
        for answer in (busy.answer(), door.client().get("/livez")):
            assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert busy.is_closed()


def test_close_idle_answers_a_request_that_nobody_has_read_yet() -> None:
    with serving(door_body_timeout=20.0) as door:
        client = door.client()
        client.get()
        with door.hanging():
            door.server.close_idle()
            client.send(b"GET / HTTP/1.1\r\nHost: door\r\n\r\n")
        answer = client.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert client.is_closed()


def test_a_server_that_never_started_can_be_told_anything() -> None:
    server = Serving().server
    server.close_idle()
    server.stop(1)


def test_a_bug_in_the_app_is_an_answer_and_is_logged_once_a_minute(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with serving() as door, structlog.testing.capture_logs() as lines:
        for _ in range(3):
            answer = door.client().get("/broken")
            assert (answer.status, answer.headers["connection"]) == (500, "close")
        eventually(lambda: door.counts["door_error"] == 3)
    (line,) = lines
    assert line["event"] == "door_error"
    assert str(line["exc_info"]) == "a bug"
    assert capsys.readouterr() == ("", "")


def test_what_is_no_http_is_counted_and_not_logged(capfd: pytest.CaptureFixture[str]) -> None:
    with serving() as door, structlog.testing.capture_logs() as lines:
        client = door.client()
        client.send(b"no HTTP\r\n\r\n")
        assert client.answer().status == 400
        assert door.client().get("/livez").status == 200
        assert door.counts == {"refusals_bad_request": 1}
    assert lines == []
    assert capfd.readouterr() == ("", "")


# Web pages of other origins


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        ((), "https://page.example", None),
        (("https://page.example",), "https://page.example", "https://page.example"),
        (("https://page.example", "https://other.example"), "https://other.example", "https://other.example"),
        (("https://page.example",), "https://evil.example", None),
        (("*",), "https://any.example", "*"),
    ],
)
def test_pages_of_the_chosen_origins_may_send_photos(
    origins: tuple[str, ...], origin: str, allowed: str | None
) -> None:
    with serving(door_origins=origins) as door:
        client = door.client()
        answer = client.get("/livez", f"Origin: {origin}")
        assert answer.headers.get("access-control-allow-origin") == allowed
        client.send(
            f"OPTIONS /read HTTP/1.1\r\nHost: door\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: PUT\r\n"
            "Access-Control-Request-Headers: authorization, content-type, prefer\r\n\r\n".encode()
        )
        preflight: Any = client.answer()
        assert preflight.headers.get("access-control-allow-origin") == allowed
        assert (
            preflight.status == 200 and "PUT" in preflight.headers.get("access-control-allow-methods", "")
        ) == (allowed is not None)
        assert "access-control-allow-credentials" not in preflight.headers
