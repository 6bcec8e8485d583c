"""Names a request: by the id and the trace that its client gave it, if they can be trusted, else by a new id."""

import re
import secrets
from collections.abc import Mapping

from starlette.datastructures import Headers

from worker.telemetry import trace_context

# Visible ASCII that needs no quotes in a log line, a header or JSON. As long as an id of two UUIDs and more.
_REQUEST_ID = re.compile(r"[0-9A-Za-z._:+/=@~-]{1,128}", re.ASCII)


def read(headers: Headers) -> Mapping[str, str]:
    """Return what joins all that is said of a request: its `request_id`, and its `traceparent` if it has a valid one.

    A header that comes twice counts as absent: nobody can tell which one is meant.
    """
    given = _only(headers, "x-request-id")
    request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
    parent = trace_context.parse(_only(headers, "traceparent"))
    return {"request_id": request_id} | ({"traceparent": parent.traceparent} if parent else {})


def _only(headers: Headers, name: str) -> str:
    values = headers.getlist(name)
    return values[0] if len(values) == 1 else ""
