"""GET /images/{image_id}?wait=seconds: the result of a photo, now or as soon as it is there."""

import asyncio
import re
from collections.abc import Coroutine
from typing import Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from worker.door.presence import wait_while_connected
from worker.door.problems import Refusal
from worker.errors import StoreError
from worker.messages import PhotoId
from worker.result import Result

T = TypeVar("T")

LOOK_AGAIN = 1  # seconds until a result that is not there yet is worth another look
_SECONDS = re.compile(r"[0-9]{1,32}(\.[0-9]{0,32})?(e[+-]?[0-9]{1,3})?", re.ASCII | re.IGNORECASE)


class Lookup(Protocol):
    """Looks for stored results without keeping the loop waiting; see readers.py. Raises StoreError."""

    async def find(self, photo: PhotoId) -> Result | None:
        """Find a photo's result."""

    async def wait(self, photo: PhotoId, seconds: float) -> Result | None:
        """Wait up to `seconds` for a photo's result."""


async def read(request: Request, photo: PhotoId, lookup: Lookup | None, longest: float) -> Response:
    """Answer with a photo's result, also with one that says why there is no score.

    `longest`: seconds that a request waits at most. `lookup`: None without Redis. Raises Refusal, and
    GoneError if the client goes away meanwhile.
    """
    seconds = min(_wait(request), longest)
    if lookup is None:
        raise Refusal("no_store", "this worker keeps no results")
    try:
        waits = lookup.wait(photo, seconds) if seconds else lookup.find(photo)
        result = await _while_connected(request, waits)
    except StoreError:
        raise Refusal("store_trouble", "Redis does not answer") from None
    if result is None:
        raise Refusal("no_result", f"there is no result of {photo.image_id}", retry_after=LOOK_AGAIN)
    return Response(result.model_dump_json(), media_type="application/json")


def _wait(request: Request) -> float:
    text = request.query_params.get("wait", "0")
    if not _SECONDS.fullmatch(text):
        raise Refusal("bad_request", "wait must be a number of seconds, such as 10 or 2.5")
    return float(text)


async def _while_connected(request: Request, answer: Coroutine[None, None, T]) -> T:
    """Wait for an answer as long as the client does. Raises GoneError."""
    waits = asyncio.create_task(answer)
    try:
        await wait_while_connected(request, waits)
        return waits.result()
    finally:
        waits.cancel()
