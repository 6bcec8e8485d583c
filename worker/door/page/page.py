"""GET /, /page/… and /events: the page and its stream, behind the token where there is one. Nothing can be changed."""

import hashlib
from collections.abc import Callable
from importlib.resources import files
from pathlib import PurePath
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from worker.door.gate import Gate
from worker.door.page.snapshot import Snapshots
from worker.door.page.viewers import Viewers
from worker.door.problems import Refusal
from worker.telemetry.counters import Telemetry

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
SAFE = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
EVENTS = "text/event-stream"
INDEX = "index.html"
AGAIN = 5  # seconds until another viewer may have gone


class Page:
    """The page. `files`: name → bytes, read once. `handlers`: what answers each of its paths."""

    def __init__(
        self,
        gate: Gate,
        telemetry: Telemetry,
        clock: Callable[[], float],
        *,
        requests: Callable[[], int],
        places: Callable[[], int],
        shows_ids: bool,
    ) -> None:
        """`requests`: without an answer. `places`: for photos by HTTP."""
        self.snapshots = Snapshots(gate, telemetry, clock, requests, places, shows_ids)
        self.viewers = Viewers(self.snapshots.frame, self.snapshots.movements.watch)
        folder = files("worker.door.page").joinpath("files")
        self.files = {one.name: one.read_bytes() for one in folder.iterdir()}
        self.handlers = {"/": self.index, "/page/{name}": self.part, "/events": self.events}
        telemetry.watcher = self.snapshots

    async def index(self, request: Request) -> Response:
        """GET /."""
        return self._file(request, INDEX)

    async def part(self, request: Request) -> Response:
        """GET /page/{name}: a script, the style or the icon. Raises Refusal."""
        return self._file(request, request.path_params["name"])

    async def events(self, request: Request) -> Response:
        """GET /events, for the page alone; HEAD tells whether there is a place. Raises Refusal."""
        origin = request.headers.get("origin")
        if origin and urlsplit(origin).netloc != request.headers.get("host"):
            raise Refusal("bad_request", "only the page of this worker may read its stream")
        if self.viewers.has_ended:
            raise Refusal("stopping", "the worker is being stopped")
        if self.viewers.is_full:
            raise Refusal("too_many_viewers", "there are as many viewers as there may be", retry_after=AGAIN)
        if request.method == "HEAD":
            return Response(media_type=EVENTS, headers=SAFE)
        return _Stream(self.viewers)

    def _file(self, request: Request, name: str) -> Response:
        if name not in self.files:
            raise Refusal("not_found", "there is no such part of the page")
        body = self.files[name]
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        headers = {**SAFE, "ETag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=KINDS[PurePath(name).suffix], headers=headers)


class _Stream(StreamingResponse):
    """The events for one viewer, whose place is free again however this ends."""

    def __init__(self, viewers: Viewers) -> None:
        super().__init__(viewers.frames(), media_type=EVENTS, headers=SAFE)
        self._viewers = viewers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._viewers.place():  # nothing has waited since it was seen that there is one
            await super().__call__(scope, receive, send)
