"""What the page's paths answer: to whom, with which headers, and what is in it."""

import asyncio
import base64
import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from starlette.applications import Starlette

from tests.support.fakes import ManualClock
from worker.door.api.app import make_app
from worker.door.api.images import Images
from worker.door.api.names import Names
from worker.door.api.tokens import Tokens
from worker.door.gate import Gate
from worker.door.page.page import Page
from worker.door.page.viewers import MOST
from worker.door.problems import Refusal
from worker.settings.values import UUID_SEGMENT
from worker.telemetry.counters import Telemetry

LARGEST = 30_000  # bytes of the whole page
Ask = Callable[..., httpx.Response]


def page(*, shows_ids: bool = False) -> Page:
    clock = ManualClock()
    return Page(
        Gate(0.0, clock), Telemetry(), clock, requests=lambda: 0, places=lambda: 8, shows_ids=shows_ids
    )


def app(tokens: tuple[str, ...] = (), shown: Page | None = None) -> Starlette:
    def starting() -> Images:
        raise Refusal("starting", "the models are being loaded")

    names, pages = Names(UUID_SEGMENT, "", ""), (shown or page()).handlers
    return make_app(starting, names, Tokens(tokens), Telemetry(), open_routes=[], pages=pages)


def get(
    path: str, *, tokens: tuple[str, ...] = (), shown: Page | None = None, **headers: str
) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app(tokens, shown))
        async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.get(path, headers=named)

    return asyncio.run(ask())


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()


def parts() -> Iterator[tuple[str, str]]:
    for name, body in page().files.items():
        yield name, body.decode()


def test_all_that_the_page_names_is_there() -> None:
    index = get("/")
    assert index.status_code == 200
    named = {*re.findall(r'(?:src|href)="(page/[^"]+)"', index.text)}
    assert {"page/main.js", "page/page.css"} <= named
    imported = {f"page/{name}" for _, text in parts() for name in re.findall(r'from "\./([^"]+)"', text)}
    for path in named | imported:
        assert get(f"/{path}").status_code == 200, path


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/page/page.css", "/page/icon.svg"])
def test_every_part_is_served_with_a_strict_policy(path: str) -> None:
    answer = get(path)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "*" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    kinds = {"/": "text/html", "/page/main.js": "text/javascript", "/page/page.css": "text/css"}
    assert answer.headers["content-type"].startswith(kinds.get(path, "image/svg+xml"))
    again = get(path, if_none_match=answer.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")


def test_nothing_is_inline_or_loaded_from_elsewhere() -> None:
    for name, text in parts():
        assert not re.search(r"\son\w+=|style=\"|<script>|<style", text), name
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), name
        assert "innerHTML" not in text, name


def test_the_page_is_small() -> None:
    assert sum(len(text.encode()) for _, text in parts()) <= LARGEST


@pytest.mark.parametrize("name", ["page.py", "..%2fpage.py", "../tokens.py", ""])
def test_only_the_page_is_served(name: str) -> None:
    assert get(f"/page/{name}").status_code == 404


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/events"])
def test_a_browser_is_asked_for_the_token_as_a_password(path: str) -> None:
    refused = get(path, tokens=("good",))
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Basic ")
    assert get(path, tokens=("good",), authorization=basic("bad")).status_code == 401
    assert get(path, tokens=("good",), authorization="Basic !").status_code == 401


@pytest.mark.parametrize("credentials", [basic("good"), "Bearer good"])
def test_who_has_the_token_sees_the_page(credentials: str) -> None:
    assert get("/", tokens=("good",), authorization=credentials).status_code == 200


def test_a_password_opens_nothing_but_the_page() -> None:
    assert get("/images/x", tokens=("good",), authorization=basic("good")).status_code == 401


def test_who_is_one_too_many_is_told_so() -> None:
    shown = page()
    shown.viewers._watching = MOST
    answer = get("/events", shown=shown)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
