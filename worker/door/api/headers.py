"""The headers that every answer has: whose request it was, and how long each step took."""

from collections.abc import Mapping


def describe(trace: Mapping[str, str], timings_ms: Mapping[str, float], receive_ms: float) -> dict[str, str]:
    """Return the headers of one answer.

    `trace`: what `trace.read` made of the request. `timings_ms`: the photo's ledger, empty if there is none.
    `receive_ms`: what the client took to send the photo.
    """
    timing = server_timing(trace.get("traceparent"), timings_ms, receive_ms)
    return {"X-Request-Id": trace["request_id"]} | ({"Server-Timing": timing} if timing else {})


def server_timing(traceparent: str | None, timings_ms: Mapping[str, float], receive_ms: float) -> str:
    """Write the steps that took any time as `step;dur=milliseconds`, after the request's trace.

    A slow client is `receive`, which is no part of the total. Source: W3C Server Timing, section 2; OpenTelemetry in
    browsers reads a page's trace from `traceparent;desc="…"`.
    """
    trace = [f'traceparent;desc="{traceparent}"'] if traceparent else []
    steps = {"receive": receive_ms, **timings_ms}
    return ", ".join([*trace, *(f"{step};dur={ms:.1f}" for step, ms in steps.items() if ms >= 0.05)])
