"""The browsers, once for each file: while Playwright runs, no other test of the process could use asyncio."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.browser.browsers import Kind, MissingBrowserError, start
from tests.browser.visit import OpenPage, Visit

REQUIRED = "BROWSERS_REQUIRED"  # set where a missing browser is an error, as in .ci/run


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    yield from _browser(playwright, "chromium")


@pytest.fixture(scope="module")
def firefox(playwright: Playwright) -> Iterator[Browser]:
    yield from _browser(playwright, "firefox")


def _browser(playwright: Playwright, kind: Kind) -> Iterator[Browser]:
    try:
        browser = start(playwright, kind)
    except MissingBrowserError as error:
        if os.environ.get(REQUIRED):
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
    yield browser
    browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[OpenPage]:
    """How to open a page in Chromium; what is opened is closed at the end."""
    with ExitStack() as opened:

        def open_page(url: str, **options: Any) -> Visit:
            made = Visit(chromium, url, **options)
            opened.callback(made.close)
            return made

        yield open_page
