"""What the worker's page says, in words, when it is refused its stream; and passwords that browsers send."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser

from localstack.services import HOST
from tests.browser.visit import OpenPage, Visit
from tests.support.door_pages import app, page
from tests.support.raw_http import RawClient
from tests.support.waiting import eventually
from worker.door.http.server import Server
from worker.door.page.page import Page
from worker.door.page.viewers import MOST
from worker.settings.door import DoorSettings
from worker.telemetry.counters import Telemetry

ODD = "grün:½ =&%"  # a token
REQUEST = b"GET /events HTTP/1.1\r\nHost: door\r\n\r\n"
Serve = Callable[..., Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """How to serve a page in a thread."""
    with ExitStack() as served:

        def start(shown: Page, *tokens: str, port: int = 0) -> Server:
            settings = DoorSettings.model_construct(None, door_port=port)
            server = Server(app(tokens, shown), settings, Telemetry(), time.monotonic)
            server.start()
            served.callback(server.stop, 1)
            served.callback(shown.viewers.end)
            return server

        yield start


def address(server: Server) -> str:
    return f"http://{HOST}:{server.port}/"


def says(opened: Visit, words: str) -> None:
    """Wait until the page says so."""
    opened.page.locator("#connection", has_text=words).wait_for()


def test_one_too_many_is_told_so_and_comes_in_when_there_is_a_place(serve: Serve, visit: OpenPage) -> None:
    shown = page()
    server = serve(shown)
    with ExitStack() as others:
        for _ in range(MOST):
            other = others.enter_context(RawClient(server.port))
            other.send(REQUEST)
        eventually(lambda: shown.viewers.is_full)
        opened = visit(address(server))
        says(opened, "as many look on as may")
    says(opened, "the worker is starting")


@pytest.mark.parametrize("kind", ["chromium", "firefox"])
def test_a_token_of_odd_characters_is_a_password(
    serve: Serve, kind: str, request: pytest.FixtureRequest
) -> None:
    browser: Browser = request.getfixturevalue(kind)
    opened = Visit(browser, address(serve(page(), ODD)), password=ODD)
    says(opened, "the worker is starting")
    opened.close()


def test_a_wrong_password_is_called_so(serve: Serve, visit: OpenPage) -> None:
    opened = visit(address(serve(page(), ODD)), password="wrong")
    assert "the password is one of this worker's tokens" in opened.page.inner_text("body")


def test_a_password_that_is_accepted_no_more_is_called_so(serve: Serve, visit: OpenPage) -> None:
    shown = page()
    first = serve(shown, ODD)
    opened = visit(address(first), password=ODD)
    says(opened, "the worker is starting")
    shown.viewers.end()
    first.stop(1)
    serve(page(), "another", port=first.port)
    says(opened, "the password is not one of the worker’s tokens")
