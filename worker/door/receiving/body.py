"""Receives photos: raw or in a form, in memory only, hashed while they arrive, within bounds of size and time."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from starlette.requests import Request

from worker.door.presence import next_part
from worker.door.problems import Refusal
from worker.door.receiving.admission import Admission, Pieces
from worker.door.receiving.gathering import Gathered
from worker.door.receiving.multipart import FORM, Form

MARGIN = 128 * 1024  # bytes that a form may have beside its photo


@dataclass(frozen=True, slots=True)
class Body:
    """A photo as it was sent."""

    pieces: Pieces = field(repr=False)
    size: int
    sha256: str  # hex
    seconds: float  # that it took to arrive


class Bodies:
    """Receives bodies. Belongs to one event loop; `cut` may be called anywhere."""

    def __init__(
        self, admission: Admission, *, max_bytes: int, timeout: float, clock: Callable[[], float]
    ) -> None:
        self._admission = admission
        self._max_bytes = max_bytes
        self._timeout = timeout
        self._clock = clock
        self._timers = set[asyncio.Timeout]()
        self._loop: asyncio.AbstractEventLoop | None = None  # once there was a body
        self._is_cut = False

    def cut(self) -> None:
        """Refuse those under way: the worker stops, and they did not arrive in time."""
        self._is_cut = True
        with suppress(RuntimeError):  # the loop has ended
            if self._loop:
                self._loop.call_soon_threadsafe(self._end_timers)

    def _end_timers(self) -> None:
        for timer in self._timers:
            timer.reschedule(0.0)

    async def receive(self, request: Request) -> Body:
        """Receive the body of a request. Raises Refusal, and GoneError if the client went away."""
        self._loop = asyncio.get_running_loop()
        form = _form(request)
        self._check_length(request, MARGIN if form else 0)
        begun = self._clock()
        try:
            async with asyncio.timeout(self._timeout) as timer:
                self._timers.add(timer)
                try:
                    pieces, size, sha256 = await self._receive(request, form)
                finally:
                    self._timers.discard(timer)
        except TimeoutError:
            if self._is_cut:
                raise Refusal("stopping", "the worker is stopping") from None
            raise Refusal("slow_body", f"the photo did not arrive within {self._timeout:g} s") from None
        if not size:
            raise Refusal("empty_object", "the photo has no bytes")
        return Body(pieces, size, sha256, self._clock() - begun)

    async def _receive(self, request: Request, form: Form | None) -> tuple[Pieces, int, str]:
        """Return the pieces, their size and their SHA-256 in hex."""
        gathered = Gathered(self._admission, self._max_bytes)
        try:
            more = True
            while more:
                data, more = await next_part(request)
                for piece in form.feed(data) if form else [data]:
                    gathered.add(piece)
            if form:
                form.finish()
            return gathered.whole()
        except BaseException:
            gathered.drop()
            raise

    def _check_length(self, request: Request, margin: int) -> None:
        """Ask before the body: most refusals need no byte of it."""
        length = int(request.headers.get("content-length", 0))  # the parser takes nothing but digits
        if length > self._max_bytes + margin:
            raise Refusal("too_many_bytes", f"{length} bytes are more than {self._max_bytes}")
        self._admission.check(min(length, self._max_bytes))


def _form(request: Request) -> Form | None:
    """Make the parser of a form; None for a raw photo. Raises Refusal for what is packed, or a part."""
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise Refusal("unsupported_format", f"the photo is sent with the content encoding {encoding!r}")
    if "content-range" in request.headers:  # RFC 9110, 14.5
        raise Refusal("bad_request", "a photo is sent whole, not as a Content-Range")
    content_type = request.headers.get("content-type", "")
    return Form(content_type) if content_type.lower().startswith(FORM.decode()) else None
