"""POST /images and PUT /images/{image_id}: a photo in, its result out."""

import asyncio
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import Full
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

from worker.door.admission import Admission
from worker.door.body import Bodies, Body, GoneError
from worker.door.gate import Gate
from worker.door.problems import Refusal
from worker.door.tickets import Tickets
from worker.errors import NoImageIdError, StoreError
from worker.intake.events import safe_id
from worker.messages import Failed, Outcome, PhotoId, S3Object
from worker.pipeline.queues import ShutDown
from worker.result import Result
from worker.results.content import content, is_same_content
from worker.results.known import are_as_new

ASYNC_RETRY = 1  # seconds until a result that is not there yet is worth a look


class Lookup(Protocol):
    """Looks for stored results without blocking the loop."""

    async def find(self, photo: PhotoId) -> Result | None:
        """Find the stored result of a photo. Raises StoreError."""


@dataclass(kw_only=True, eq=False)
class Images:
    """Takes photos. Each becomes an upload of the pipeline, and the request waits for its answer."""

    gate: Gate
    admission: Admission
    bodies: Bodies
    tickets: Tickets
    wait: float  # seconds, the longest that a request waits
    owners: bool  # whether photos have owners
    is_store_away: Callable[[], bool]
    models: Callable[[], Mapping[str, str]]  # serving now, name → version
    lookup: Lookup | None  # None without Redis

    async def post(self, request: Request) -> Response:
        """Take a photo and give it an id."""
        return await self._take(request, str(uuid.uuid4()), is_new=True)

    async def put(self, request: Request) -> Response:
        """Take a photo under the client's id. Once more, it finds the result."""
        return await self._take(request, request.path_params["image_id"], is_new=False)

    async def _take(self, request: Request, image_id: str, *, is_new: bool) -> Response:
        self.check_gate()
        photo = self.photo(request, image_id)
        request.state.photo = photo
        body = await self.bodies.receive(request)
        request.state.receive_ms = body.seconds * 1000
        if not is_new and (known := await self._find_known(photo, body)):
            return answer(known)
        return await self._score(request, photo, body)

    def check_gate(self) -> None:
        """Raise Refusal unless photos are taken now."""
        if not self.gate.accepts:
            phase = "stopping" if self.gate.is_stopping else "starting"
            raise Refusal(phase, f"the worker is {phase}")

    def photo(self, request: Request, image_id: str) -> PhotoId:
        """Name the photo of a request. Raises Refusal."""
        owner = request.path_params.get("owner", "")
        try:
            return safe_id(image_id, owner)
        except NoImageIdError as error:
            raise Refusal("no_image_id", str(error)) from None

    async def _find_known(self, photo: PhotoId, body: Body) -> Result | None:
        """Find the result of the same bytes. Raises Refusal for others; the write decides where this cannot tell."""
        if self.lookup is None or self.is_store_away():
            return None
        try:
            stored = await self.lookup.find(photo)
        except StoreError:
            return None
        if stored is None:
            return None
        sent = S3Object("", "", etag=body.sha256, sha256=body.sha256, via="http")
        if is_same_content(stored.source, sent):
            return stored if are_as_new(stored.models, self.models()) else None
        if content(stored.source):
            raise Refusal("overtaken", "there is a result for other bytes under this image id")
        return None

    async def _score(self, request: Request, photo: PhotoId, body: Body) -> Response:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[tuple[Outcome, Result | None]] = loop.create_future()
        leave = self.admission.enter()

        def reply(outcome: Outcome, result: Result | None) -> None:
            leave()
            loop.call_soon_threadsafe(_resolve, answered, (outcome, result))

        stored = S3Object("", "", None, body.sha256, body.size, sha256=body.sha256, via="http")
        try:
            number = self.tickets.put(photo, stored, body.pieces, request.state.trace, reply)
        except Full:
            leave()
            raise Refusal("too_many_requests", "too many photos are in work") from None
        except ShutDown:
            leave()
            raise Refusal("stopping", "the worker stops") from None
        del body
        return await self._wait(request, photo, number, answered)

    async def _wait(
        self,
        request: Request,
        photo: PhotoId,
        number: str,
        answered: "asyncio.Future[tuple[Outcome, Result | None]]",
    ) -> Response:
        """Wait for the answer, or until the client goes away."""
        gone = asyncio.ensure_future(_disconnect(request))
        first: tuple[asyncio.Future[Any], ...] = (answered, gone)
        try:
            if not _prefers_async(request) or self.lookup is None:
                await asyncio.wait(first, timeout=self.wait, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self.tickets.abandon(number)
            raise
        finally:
            gone.cancel()
        if answered.done():
            return reply_to(*answered.result())
        if gone.done() and not gone.cancelled():
            self.tickets.abandon(number)
            raise GoneError
        if self.lookup is None:
            self.tickets.abandon(number)
            raise Refusal("too_late", f"there was no result within {self.wait:g} s")
        if self.is_store_away():
            raise Refusal("store_trouble", "Redis does not answer; the result is written when it does")
        return self._accepted(photo)

    def _accepted(self, photo: PhotoId) -> Response:
        headers = {"Location": location(photo), "Retry-After": str(ASYNC_RETRY)}
        return Response(status_code=202, headers=headers)


def location(photo: PhotoId) -> str:
    """Name the path of a photo's result."""
    return "/".join(filter(None, ("/images", photo.owner, photo.image_id)))


def reply_to(outcome: Outcome, result: Result | None) -> Response:
    """Make the answer to what became of a photo. Raises Refusal."""
    if isinstance(outcome, Failed):
        raise Refusal(outcome.error.code, str(outcome.error))
    if result is None:
        raise Refusal("forgotten", "somebody wants no result of this photo")
    return answer(result)


def answer(result: Result) -> Response:
    """Make the answer of a result. Raises Refusal for a failed one."""
    if result.error:
        raise Refusal(result.error.code, result.error.message)
    photo = PhotoId(result.image_id, result.owner or "")
    return Response(
        result.model_dump_json(), media_type="application/json", headers={"Location": location(photo)}
    )


def _resolve(
    future: "asyncio.Future[tuple[Outcome, Result | None]]", value: tuple[Outcome, Result | None]
) -> None:
    if not future.done():
        future.set_result(value)


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


_PREFERENCE = re.compile(r"(?:^|,)\s*respond-async\s*(?:[,;]|$)", re.IGNORECASE)


def _prefers_async(request: Request) -> bool:
    """Whether the client wants no answer but the promise of one (RFC 7240, 4.1)."""
    return any(_PREFERENCE.search(value) for value in request.headers.getlist("prefer"))
