"""Waits only as long as the client is there."""

import asyncio
from typing import Any

from starlette.requests import Request


class GoneError(Exception):
    """Raised when the client has closed the connection."""


async def next_part(request: Request) -> tuple[bytes, bool]:
    """Return what arrived of the body, and whether there is more. Raises GoneError."""
    message = await request.receive()
    if message["type"] == "http.disconnect":
        raise GoneError
    return message.get("body", b""), message.get("more_body", False)


async def wait_while_connected(
    request: Request, something: "asyncio.Future[Any]", seconds: float | None = None
) -> bool:
    """Wait until something is done; False if that takes longer than `seconds`. The body must be complete.

    Raises GoneError if the client goes away before.
    """
    gone = asyncio.create_task(_until_gone(request))
    try:
        await asyncio.wait((something, gone), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if gone.done() and not something.done():
            raise GoneError
        return something.done()
    finally:
        gone.cancel()


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
