"""The headers of an answer, as their specifications want them."""

import re

from worker.door.api.headers import describe

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
# W3C Server Timing, section 2: a token and its parameters; RFC 9110, 5.6.2: what a token is.
TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
METRIC = re.compile(rf'{TOKEN}(;{TOKEN}=({TOKEN}|"[^"]*"))*')


def test_an_answer_names_its_request_and_no_more() -> None:
    assert describe({"request_id": "abc"}, {"notify": 0.0}, 0.0) == {"X-Request-Id": "abc"}


def test_the_ledger_is_server_timing_and_a_slow_client_is_receive() -> None:
    timings = {"notify": 0.0, "queue": 0.0, "wait": 1.25, "batch_wait": 0.04, "infer": 20.0, "commit": 0.05}
    timing = describe({"request_id": "a", "traceparent": PARENT}, timings, 812.5)["Server-Timing"]
    assert timing == (
        f'traceparent;desc="{PARENT}", receive;dur=812.5, wait;dur=1.2, infer;dur=20.0, commit;dur=0.1'
    )
    assert all(METRIC.fullmatch(metric) for metric in timing.split(", "))
