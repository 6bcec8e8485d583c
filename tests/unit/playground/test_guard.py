"""Nobody but the page may ask for anything: no name that leads here, no other site in the same browser."""

import pytest

from tests.unit.playground.asking import HOSTS, ORIGIN, World


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:8080", "localhost.evil.example:8000", ""]
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/events"), ("POST", "/samples/all")])
def test_another_name_is_refused(host: str, method: str, path: str) -> None:
    world = World()
    answer = world.ask(method, path, headers={"Host": host})
    assert answer.status_code == 421
    assert "127.0.0.1:8000" in answer.json()["error"]
    assert not world.catcher.caught


@pytest.mark.parametrize("host", HOSTS)
def test_our_names_are_not(host: str) -> None:
    answer = World().ask("GET", "/", headers={"Host": host})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:8000"},  # ours, but by the other name
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_another_site_may_ask_for_nothing(headers: dict[str, str]) -> None:
    world = World()
    for method, path in (("POST", "/samples/all"), ("GET", "/events"), ("GET", "/thumbnails/one")):
        assert world.ask(method, path, headers=headers).status_code == 403
    assert not world.catcher.caught


def test_but_it_may_have_a_link_to_the_page() -> None:
    world, by_link = World(), {"Sec-Fetch-Site": "cross-site"}
    assert world.ask("GET", "/", headers=by_link).status_code == 200
    assert world.ask("POST", "/", headers=by_link).status_code == 403


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}]
)
def test_the_page_and_a_person_at_a_terminal_may(headers: dict[str, str]) -> None:
    assert World().ask("POST", "/samples/all", headers=headers).status_code == 202


def test_every_answer_forbids_what_the_page_does_not_do() -> None:
    for method, path in (("GET", "/"), ("GET", "/nothing"), ("POST", "/photos"), ("GET", "/samples")):
        headers = World().ask(method, path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
