"""Lets nobody but this page ask for anything: no other site in the same browser, whatever name it goes by."""

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from worker.door.page.page import SAFE

READS = {"GET", "HEAD"}
PAGE = "/"  # the one path that links of other sites may lead to
OURS = {"same-origin", "none"}  # what a browser says of a request that no other site has caused


class Guard:
    """An ASGI app around another. A name that leads here by DNS is not ours: DNS rebinding."""

    def __init__(self, app: ASGIApp, hosts: Mapping[str, str]) -> None:
        """`hosts`: the names we go by, each with its origin."""
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        is_page = scope["method"] in READS and scope["path"] == PAGE
        refusal = self._refusal(Headers(scope=scope), is_page=is_page)
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, headers: Headers, *, is_page: bool) -> Response | None:
        host = headers.get("host", "")
        if host not in self._hosts:
            return refuse(421, f"this is {' or '.join(self._hosts)}, and goes by no other name")
        is_ours = is_page or headers.get("sec-fetch-site", "none") in OURS
        if is_ours and headers.get("origin", self._hosts[host]) == self._hosts[host]:
            return None
        return refuse(403, "another site may not ask for this")


def refuse(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    """Make the answer to a request that is refused."""
    return JSONResponse({"error": sentence}, status, {**SAFE, **(headers or {})})
