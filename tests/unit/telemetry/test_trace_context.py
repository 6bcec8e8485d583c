"""Whose trace a photo belongs to: W3C's header and X-Ray's, valid ones and others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.telemetry.trace_context import Parent, parse, parse_xray

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ROOT = "1-4bf92f35-77b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("header", "is_sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),  # a flag of a later level
        (f"00-{TRACE}-{SPAN}-02", False),
        (f"cc-{TRACE}-{SPAN}-01", True),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", True),
    ],
)
def test_a_valid_traceparent_names_a_span(header: str, is_sampled: bool) -> None:
    parent = parse(header)
    assert parent == Parent(TRACE, SPAN, is_sampled)
    assert parent.traceparent == f"00-{TRACE}-{SPAN}-0{int(is_sampled)}"


@pytest.mark.parametrize(
    "header",
    [
        "",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}0-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-0g",
        f"00-{TRACE}-{SPAN}-01-more",
        f"cc-{TRACE}-{SPAN}-01.more",
        f"00-{TRACE}-{SPAN}-01\n",
        f" 00-{TRACE}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"00_{TRACE}_{SPAN}_01",
        f"00-{TRACE}-{SPAN}-01, 00-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-{'x' * 1000}",
        f"00-{TRACE[:-1]}\u0663-{SPAN}-01",
    ],
)
def test_any_other_traceparent_counts_as_absent(header: str) -> None:
    assert parse(header) is None


@given(st.text(max_size=80))
def test_whatever_is_sent_is_read_or_left(text: str) -> None:
    assert parse(text) is None or parse(text) == parse(str(getattr(parse(text), "traceparent", "")))
    assert parse_xray(text) is None


@pytest.mark.parametrize(
    ("header", "is_sampled"),
    [
        (f"Root={ROOT};Parent={SPAN};Sampled=1", True),
        (f"Root={ROOT};Parent={SPAN};Sampled=0", False),
        (f"Sampled=1;Parent={SPAN};Root={ROOT}", True),
        (f"Self=1-67891234-12456789abcdef012345678;Root={ROOT}; Parent={SPAN}; Sampled=1", True),
        (f"Root={ROOT};Parent={SPAN};Sampled=?", True),
        (f"Root={ROOT};Parent={SPAN};Lineage=a87bd80c:1|68fd508a:5", True),
    ],
)
def test_x_rays_header_names_the_same_span(header: str, is_sampled: bool) -> None:
    assert parse_xray(header) == Parent(TRACE, SPAN, is_sampled)


@pytest.mark.parametrize(
    "header",
    [
        "",
        ";;;===",
        f"Root={ROOT}",  # a load balancer's: it names no span
        f"Root={ROOT};Parent=;Sampled=1",
        f"Root={ROOT};Parent={'0' * 16};Sampled=1",
        f"Root=2-{ROOT[2:]};Parent={SPAN};Sampled=1",
        f"Root=1-{TRACE};Parent={SPAN};Sampled=1",
        f"Root=1-{'0' * 8}-{'0' * 24};Parent={SPAN};Sampled=1",
        f"root={ROOT};parent={SPAN}",
        f"Root={ROOT};Parent={SPAN};Sampled=1;{'x' * 1000}",
        f"Root={ROOT};Parent={SPAN}-01-more;Sampled=1",
    ],
)
def test_any_other_header_of_x_ray_counts_as_absent(header: str) -> None:
    assert parse_xray(header) is None
