"""How a request is named: by its client if that can be trusted, else anew."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from worker.door.api import trace

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def read(*headers: tuple[str, str]) -> dict[str, str]:
    raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers]
    return dict(trace.read(Headers(raw=raw)))


@pytest.mark.parametrize(
    "given_id", ["7", "a0e1-B2", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "Root=1-67a:x/y+z@host~1", "x" * 128]
)
def test_the_client_s_own_id_stays(given_id: str) -> None:
    assert read(("x-request-id", given_id)) == {"request_id": given_id}


@pytest.mark.parametrize(
    "given_id",
    ["", "x" * 129, "two words", 'quo"ted', "semi;colon", "a,b", "line\nbreak", "é", "\x00", "<b>"],
)
def test_an_id_that_cannot_be_trusted_is_replaced(given_id: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", read(("x-request-id", given_id))["request_id"])


def test_every_request_without_an_id_gets_one_of_its_own() -> None:
    assert len({read()["request_id"] for _ in range(100)}) == 100


def test_an_id_that_comes_twice_is_no_id() -> None:
    assert read(("x-request-id", "a"), ("x-request-id", "b"))["request_id"] not in {"a", "b", "a, b"}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([PARENT], PARENT),
        ([PARENT.replace("00-4", "cc-4") + "-more"], PARENT),
        ([PARENT + "-more"], None),
        (["nonsense"], None),
        ([PARENT, PARENT], None),
        ([], None),
    ],
)
def test_only_a_single_valid_traceparent_counts(headers: list[str], expected: str | None) -> None:
    assert read(*(("traceparent", value) for value in headers)).get("traceparent") == expected


@given(
    st.lists(st.tuples(st.sampled_from(["x-request-id", "traceparent"]), st.text(max_size=200)), max_size=4)
)
def test_what_is_read_fits_into_a_header_and_a_log_line(headers: list[tuple[str, str]]) -> None:
    found = read(*headers)
    assert all(re.fullmatch(r"[!-~]{1,128}", value) for value in found.values())
    assert found.keys() <= {"request_id", "traceparent"}
