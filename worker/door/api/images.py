"""POST /images and PUT /images/{image_id}: a photo in, its result out."""

import asyncio
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Full

from starlette.requests import Request
from starlette.responses import Response

from worker.door.api import answers
from worker.door.api.names import Names
from worker.door.api.preferences import Preferences
from worker.door.api.reading import Lookup, read
from worker.door.gate import Gate
from worker.door.presence import GoneError, wait_while_connected
from worker.door.problems import Refusal
from worker.door.receiving.admission import Admission
from worker.door.receiving.body import Bodies, Body
from worker.door.waiting.deliveries import Deliveries
from worker.door.waiting.tickets import Tickets
from worker.errors import StoreError
from worker.messages import Outcome, PhotoId, S3Object, Scored
from worker.pipeline.queues import ShutDown
from worker.result import Result
from worker.results.content import content, is_same_content
from worker.results.known import are_as_new, may_pass
from worker.telemetry.counters import Telemetry

Answered = tuple[Outcome, Result | None]

LOOK = 1.0  # seconds for each of a photo's look-ups: Redis answers within milliseconds, or is in trouble


@dataclass(kw_only=True, eq=False)
class Images:
    """Takes photos. Each becomes an upload of the pipeline, and its request waits for the answer.

    Belongs to one event loop; `arriving` may be read anywhere.
    """

    gate: Gate
    names: Names
    admission: Admission
    bodies: Bodies
    tickets: Tickets
    wait: float  # seconds, the longest that a request waits
    is_store_away: Callable[[], bool]
    models: Callable[[], Mapping[str, str]]  # serving now, name → version
    telemetry: Telemetry
    clock: Callable[[], float]
    lookup: Lookup | None  # None without Redis
    arriving: int = field(default=0, init=False)  # photos that were let in and are not in the lane yet
    _deliveries: Deliveries[Answered] = field(default_factory=Deliveries, init=False)

    async def post(self, request: Request) -> Response:
        """Take a photo and give it an id. Raises Refusal and GoneError."""
        return await self._take(request, str(uuid.uuid4()), is_new=True)

    async def put(self, request: Request) -> Response:
        """Take a photo under the client's id; when it comes once more, its result is there. Raises as `post`."""
        return await self._take(request, request.path_params["image_id"], is_new=False)

    async def get(self, request: Request) -> Response:
        """Find a result, or wait for it. Raises Refusal and GoneError."""
        path = request.path_params
        photo = request.state.photo = self.names.photo(path["image_id"], path.get("owner", ""))
        return await read(request, photo, self.lookup, self.wait)

    async def _take(self, request: Request, image_id: str, *, is_new: bool) -> Response:
        preferences = Preferences.read(request.headers.getlist("prefer"))
        with self._arrival():
            photo = request.state.photo = self.names.photo(image_id, request.path_params.get("owner", ""))
            body = await self.bodies.receive(request)
            request.state.receive_ms = body.seconds * 1000
            due = asyncio.get_running_loop().time() + self._wait(preferences)
            known = None if is_new else await self._find_known(photo, body)
            if known:
                self.telemetry.event("already_scored", image_id=photo.image_id, **request.state.trace)
                return answers.give(known, self._location(photo))
            number, answered = self._hand_over(request, photo, body)
        del body  # its bytes are freed as soon as they are decoded
        return await self._wait_for(request, photo, number, answered, due)

    def _wait(self, preferences: Preferences) -> float:
        """Seconds that a request waits for its answer. Without Redis nothing can be promised instead."""
        return preferences.wait(self.wait) if self.lookup else self.wait

    @contextmanager
    def _arrival(self) -> Iterator[None]:
        """Let a photo in. A stop waits for it. Raises Refusal, which names Redis if that takes all places."""
        if not self.gate.accepts:
            phase = "stopping" if self.gate.is_stopping else "starting"
            raise Refusal(phase, f"the worker is {phase}")
        self.arriving += 1
        try:
            yield
        except Refusal as refusal:
            if refusal.code == "too_many_requests" and self.is_store_away():
                raise Refusal("store_trouble", "Redis does not answer, and photos wait for it") from refusal
            raise
        finally:
            self.arriving -= 1

    async def _find_known(self, photo: PhotoId, body: Body) -> Result | None:
        """Find the result of the same bytes. Raises Refusal if there is one of others.

        None also where nobody can tell: then the write decides.
        """
        try:
            stored = await self._find(photo, asyncio.get_running_loop().time() + LOOK)
        except StoreError:
            return None
        if stored is None or may_pass(stored):
            return None
        if is_same_content(stored.source, S3Object("", "", sha256=body.sha256, via="http")):
            return stored if are_as_new(stored.models, self.models()) else None
        if content(stored.source):
            raise Refusal("overtaken", "this image id has a result of other bytes")
        return None

    def _hand_over(
        self, request: Request, photo: PhotoId, body: Body
    ) -> tuple[str, "asyncio.Future[Answered]"]:
        """Put a photo into the pipeline; returns its ticket and what will be its answer. Raises Refusal."""
        answered: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        place = self.admission.enter()

        def reply(outcome: Outcome, result: Result | None) -> None:
            place.leave(is_scored=isinstance(outcome, Scored) and not outcome.scores.reused_from)
            self._deliveries.put(answered, (outcome, result))

        stored = self.names.stored(photo, body.sha256, body.size)
        try:
            trace, receive_ms = request.state.trace, request.state.receive_ms
            number = self.tickets.put(photo, stored, body.pieces, trace, reply, receive_ms=receive_ms)
        except (Full, ShutDown) as error:
            place.leave()
            if isinstance(error, Full):
                raise Refusal("too_many_requests", "too many photos are in work") from None
            raise Refusal("stopping", "the worker is stopping") from None
        return number, answered

    async def _wait_for(
        self, request: Request, photo: PhotoId, number: str, answered: "asyncio.Future[Answered]", due: float
    ) -> Response:
        """Wait for the answer until it is due, by the loop's clock. Raises GoneError if the client goes away."""
        try:
            left = max(0.0, due - asyncio.get_running_loop().time())
            in_time = await wait_while_connected(request, answered, left)
        except (GoneError, asyncio.CancelledError):
            self.tickets.abandon(number)  # nobody will ever hear of the result
            raise
        if in_time:
            outcome, result = answered.result()
            request.state.ledger = answers.ledger(outcome, self.clock())
            return answers.reply(outcome, result, self._location(photo))
        if self.lookup is None:
            self.tickets.abandon(number)
            raise Refusal("too_late", f"there was no result within {self.wait:g} s")
        try:
            await self._find(photo, due + LOOK)  # whether Redis answers: a write may learn of it much later
        except StoreError:
            detail = "Redis does not answer; the result is written when it does"
            raise Refusal("store_trouble", detail) from None
        return answers.promise(self.names.location(photo))

    def _location(self, photo: PhotoId) -> str | None:
        """Where a result can be asked for: nowhere without Redis."""
        return self.names.location(photo) if self.lookup else None

    async def _find(self, photo: PhotoId, until: float) -> Result | None:
        """Find a photo's result by a moment of the loop's clock. Raises StoreError, at once in an outage."""
        if self.lookup is None:
            return None
        if self.is_store_away():
            raise StoreError("Redis does not answer")
        try:
            async with asyncio.timeout_at(until):
                return await self.lookup.find(photo)
        except TimeoutError:
            raise StoreError("Redis has not answered in time") from None
