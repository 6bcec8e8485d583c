"""Lets web pages of other origins send photos from a browser: CORS, as the Fetch standard has it."""

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

METHODS = ("GET", "POST", "PUT")
READS = ("authorization", "content-type", "prefer", "traceparent", "x-request-id")
SHOWS = ("location", "retry-after", "server-timing", "www-authenticate", "x-request-id")
REMEMBERED = 600  # seconds that a browser may remember this


def let_pages_send(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """Answer preflights, and mark answers, for pages of these origins; `*` for any. Empty: for none.

    Cookies are never asked for: a token is what a page needs, if any.
    """
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=METHODS,
        allow_headers=READS,
        expose_headers=SHOWS,
        max_age=REMEMBERED,
    )
