"""What the page's paths answer: to whom, with which headers, and what is in it."""

import asyncio
import base64
import hmac
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.support.door_pages import app, page
from worker.door.page.page import AGAIN, SAFE, Page
from worker.door.page.viewers import MOST

LARGEST = 26_500  # bytes of the whole page
Ask = Callable[..., httpx.Response]


def get(
    path: str,
    *,
    method: str = "GET",
    tokens: tuple[str, ...] = (),
    shown: Page | None = None,
    **headers: str | bytes,
) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app(tokens, shown))
        async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
            named = {
                name.replace("_", "-").encode(): value if isinstance(value, bytes) else value.encode()
                for name, value in headers.items()
            }
            return await client.request(method, path, headers=named)

    return asyncio.run(ask())


def full() -> Page:
    shown = page()
    shown.viewers._watching = MOST
    return shown


def ended() -> Page:
    shown = page()
    shown.viewers.end()
    return shown


def basic(password: str, name: str = "anybody") -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


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
    only_head = get(path, method="HEAD")
    assert (only_head.status_code, only_head.content) == (200, b"")
    for name, value in SAFE.items():
        assert answer.headers[name] == again.headers[name] == only_head.headers[name] == value


def test_nothing_is_inline_or_loaded_from_elsewhere() -> None:
    for name, text in parts():
        assert not re.search(r"\son\w+=|style=\"|<script>|<style", text), name
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), name
        assert "innerHTML" not in text, name


def test_the_page_is_small() -> None:
    assert sum(len(text.encode()) for _, text in parts()) <= LARGEST


@pytest.mark.parametrize(
    "name",
    [
        "page.py",
        "..%2fpage.py",
        "../tokens.py",
        "",
        "..%2F..%2f..%2fetc%2fpasswd",
        "%00",
        "main.js%00",
        "main.js/",
    ],
)
def test_only_the_page_is_served(name: str) -> None:
    assert get(f"/page/{name}").status_code in {307, 404}
    assert get(f"/page/{name}", method="HEAD").status_code in {307, 404}


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/events"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_can_be_done_but_look(path: str, method: str) -> None:
    answer = get(path, method=method)
    assert (answer.status_code, set(answer.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("path", "asked", "status"),
    [
        ("/", {"tokens": ("good",)}, 401),
        ("/page/no.js", {}, 404),
        ("/page/..%2fpage.py", {}, 404),
        ("/events", {"shown": full()}, 429),
        ("/events", {"shown": ended()}, 503),
        ("/events", {"origin": "https://evil.example"}, 400),
    ],
)
def test_a_refusal_is_safe_to_show_and_is_not_kept(
    path: str, asked: dict[str, Any], status: int, method: str
) -> None:
    answer = get(path, method=method, **asked)
    assert answer.status_code == status
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "application/problem+json"
    assert bool(answer.headers.get("retry-after")) == (status in {429, 503})


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/events"])
def test_a_browser_is_asked_for_the_token_as_a_password(path: str) -> None:
    refused = get(path, tokens=("good",))
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == 'Basic realm="photo scoring", charset="UTF-8"'
    assert "password" in refused.json()["detail"]


@pytest.mark.parametrize(
    "credentials",
    [
        *(basic(wrong) for wrong in ("bad", "", "good2", "goo", "Good", "good:", ":good", "göod")),
        basic("anybody", name="good"),
        "Basic",
        "Basic !",
        "Basic Z29vZA",
        "Basic Z29vZA==",  # no colon
        "Basic \u00fc".encode("latin-1"),
        b"Basic \xff\xfe",
        "Bearer bad",
        "Bearer",
        "Digest good",
        "good",
        "",
    ],
)
def test_who_has_no_token_sees_nothing(credentials: str | bytes) -> None:
    refused = get("/events", tokens=("good", "other"), authorization=credentials)
    assert refused.status_code == 401
    assert "good" not in refused.text


@pytest.mark.parametrize("credentials", [basic("good"), "Bearer good", basic("good", name="")])
def test_who_has_the_token_sees_the_page(credentials: str) -> None:
    assert get("/", tokens=("other", "good"), authorization=credentials).status_code == 200


@pytest.mark.parametrize("token", ["a:b:c", "=+/", "grün ½", "“quoted”", "日本", "x" * 1000])
def test_a_token_of_odd_characters_is_a_password_like_any(token: str) -> None:
    assert get("/", tokens=(token,), authorization=basic(token)).status_code == 200
    assert get("/", tokens=(token,), authorization=basic(token + "x")).status_code == 401


def test_tokens_are_compared_in_constant_time_and_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = list[tuple[bytes, bytes]]()

    def compare(given: bytes, one: bytes) -> bool:
        compared.append((given, one))
        return given == one

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert get("/", tokens=("a", "b"), authorization=basic("a")).status_code == 200
    assert compared == [(b"a", b"a"), (b"a", b"b")]


def test_a_password_opens_nothing_but_the_page() -> None:
    assert get("/images/x", tokens=("good",), authorization=basic("good")).status_code == 401


def test_who_is_one_too_many_is_told_so_and_when_to_come_back() -> None:
    answer = get("/events", shown=full())
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_viewers")
    assert answer.headers["retry-after"] == str(AGAIN)


def test_head_of_the_stream_takes_no_place_and_ends() -> None:
    shown = page()
    answer = get("/events", method="HEAD", shown=shown)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert shown.viewers._watching == 0


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://door", 200), ("https://door", 200), ("https://evil.example", 400), ("null", 400)],
)
def test_pages_of_others_do_not_see_the_stream(origin: str, status: int) -> None:
    assert get("/events", method="HEAD", origin=origin).status_code == status


def test_those_who_come_at_the_same_moment_are_no_more_than_may_be() -> None:
    shown = page()

    async def crowd() -> list[int]:
        transport = httpx.ASGITransport(app(shown=shown))
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://door") as client,
            asyncio.timeout(20),
        ):
            asked = [asyncio.ensure_future(client.get("/events")) for _ in range(MOST + 4)]
            refused, watching = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            while len(refused) < 4:
                more, watching = await asyncio.wait(watching, return_when=asyncio.FIRST_COMPLETED)
                refused |= more
            assert shown.viewers._watching == MOST
            shown.viewers.end()
            return sorted(
                [one.result().status_code for one in refused] + [(await one).status_code for one in watching]
            )

    assert asyncio.run(crowd()) == [200] * MOST + [429] * 4
    assert shown.viewers._watching == 0
