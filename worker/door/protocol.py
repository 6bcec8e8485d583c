"""HTTP/1.1 within bounds: uvicorn's protocol bounds neither a head's size nor any client's time.

uvicorn parses (llhttp, strict), runs the app and writes answers; what this class adds is read off its
source (0.54): it overrides `RequestResponseCycle`'s neighbours and sets `keep_alive` and `disconnected`.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from http import HTTPStatus
from typing import Any

import httptools
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from worker.door.problems import Refusal, problem
from worker.door.transport import PoliteTransport

PIECE = 16_384  # bytes given to the parser at a time: a flood is noticed after so many
READ = 65_536  # bytes read at a time; asyncio's 256 KiB, times all connections, would be 128 MB
MOST_HEAD = 32_768  # bytes of a head; a load balancer sends a few hundred
MOST_FIELDS = 100  # header fields: each costs many times its bytes
MOST_PIPELINED = 8  # requests sent ahead of their answers
MOST_DROPPED = 32_000_000  # bytes of a refused body that are read, so that the connection can be used again
TOO_LARGE = f"the head is too large: {MOST_FIELDS} fields and {MOST_HEAD} bytes at most"
NO_HTTP = "this is not understood as HTTP/1.1"
TOO_EARLY = "too much was sent ahead of an answer"
SPARE = 16  # connections beyond the cap, for health checks
CHECKS = {b"/livez", b"/readyz", b"/metrics"}
ALL_BUSY = "all connections of this worker are in use"
GRACE = 1.0  # seconds that the app has to refuse a slow body by itself


@dataclass(eq=False)
class Limits:
    """What all connections of a server share. Used by its loop alone."""

    connections: int  # at a time
    seconds: float  # for a head, for a body, and for reading an answer
    count: Callable[[str], None] = lambda _: None  # hears of each connection that was closed
    refuse: Callable[[str], None] = lambda _: None  # hears the code of each refusal
    is_closing: bool = False  # each answer is its connection's last one
    without_request: dict["Protocol", None] = field(default_factory=dict)  # the longest first


class Owes(Enum):
    """What a client has begun to send, or should have."""

    NOTHING = 0
    HEAD = 1
    BODY = 2


class Protocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, limits: Limits, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._limits = limits
        self._owes = Owes.HEAD
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        self._running: RequestResponseCycle | None = None  # the request that the app has now
        self._is_deaf = False  # what still comes is dropped
        self._unparsed = 0  # bytes since the parser has last told of anything but header fields
        self._left = 0  # bytes of the body to come, as far as its length was declared
        self._dropped = 0  # bytes of the body that came after its answer

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Take a connection. If there are too many, the one that has been without a request for longest ends.

        A few more than the cap are taken: health checks are answered also while all others are busy.
        """
        transport.max_size = READ  # type: ignore[attr-defined]  # asyncio does not document it; a test shows it
        polite = PoliteTransport(transport, self.loop, self._is_sending)
        super().connection_made(polite)
        waiting = self._limits.without_request
        if len(self.connections) <= self._limits.connections + SPARE:
            self._wait_for_client()
        elif waiting:
            self._limits.count("connection_evicted")
            next(iter(waiting)).drop()
            self._wait_for_client()
        else:
            self._refuse(Refusal("no_connection", ALL_BUSY))
        waiting[self] = None

    def drop(self) -> None:
        """End at once, without a word."""
        self._limits.without_request.pop(self, None)
        self.connections.discard(self)
        self.transport.abort()

    def end(self) -> None:
        """End once the client has read what was sent to it. It can still be dropped meanwhile."""
        self._stop_waiting()
        self._limits.without_request[self] = None
        self.transport.close()
        self._is_deaf = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the app. uvicorn tells only the newest of several requests."""
        self._limits.without_request.pop(self, None)
        self._stop_waiting()
        self.resume_writing()
        if self._running is not None:
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Give a client that reads too slowly its time, then end."""
        super().pause_writing()
        self._writing = self.loop.call_later(self._limits.seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        super().resume_writing()
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    # What arrives

    def data_received(self, data: bytes) -> None:
        """Parse what has come, until something is wrong with it."""
        for start in range(0, len(data), PIECE):
            if self._is_deaf:
                return
            try:
                self._parse(data[start : start + PIECE])
            except httptools.HttpParserError as error:
                reason = error.__context__  # what a callback has raised
                self._refuse(reason if isinstance(reason, Refusal) else Refusal("bad_request", NO_HTTP))
            except Refusal as refusal:
                self._refuse(refusal)

    def _parse(self, piece: bytes) -> None:
        self._unparsed += len(piece)
        while piece:
            try:
                self.parser.feed_data(piece)
            except httptools.HttpParserUpgrade as upgrade:  # we stay with HTTP/1.1: RFC 9110, 7.8
                piece = piece[upgrade.args[0] :]
            else:
                break
        if self._unparsed > MOST_HEAD:
            raise Refusal("large_head", TOO_LARGE)

    def on_message_begin(self) -> None:
        """Begin a request."""
        if len(self.pipeline) >= MOST_PIPELINED:
            raise Refusal("bad_request", TOO_EARLY)
        self._unset_keepalive_if_required()
        super().on_message_begin()
        if self._owes is Owes.NOTHING:
            self._owes = Owes.HEAD
            if self._running is None:
                self._wait_for_client()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field. Trailers are dropped: RFC 9110, 6.5.1."""
        if self._owes is Owes.BODY:
            return
        super().on_header(name, value)
        if len(self.headers) > MOST_FIELDS:
            raise Refusal("large_head", TOO_LARGE)

    def on_headers_complete(self) -> None:
        """Check the head, and let the app have the request."""
        if not _is_clear(self.parser.get_method(), self.parser.get_http_version(), self.headers):
            raise Refusal("bad_request", "the head can be read in more than one way")
        if self._unparsed > MOST_HEAD:
            raise Refusal("large_head", TOO_LARGE)
        busy = len(self.connections) - len(self._limits.without_request)
        if busy >= self._limits.connections and self._running is None and self.url not in CHECKS:
            raise Refusal("no_connection", ALL_BUSY)
        self._unparsed = self._dropped = 0
        self._left = next((int(value) for name, value in self.headers if name == b"content-length"), 0)
        self._owes = Owes.BODY
        self._stop_waiting()
        super().on_headers_complete()
        if self._running is not self.cycle:  # uvicorn stops reading then, and would not see its client go
            self.flow.resume_reading()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, or drop it if its request is answered already."""
        self._unparsed = 0
        self._left -= len(body)
        if self.cycle.response_complete:
            self._dropped += len(body)
            if self._dropped > MOST_DROPPED:
                self.end()
        super().on_body(body)
        if self._running not in {None, self.cycle} and len(self.cycle.body) > HIGH_WATER_LIMIT:
            raise Refusal("bad_request", TOO_EARLY)

    def on_message_complete(self) -> None:
        """End a request."""
        self._unparsed = 0
        self._owes = Owes.NOTHING
        self._stop_waiting()
        super().on_message_complete()

    # What is answered

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        self._limits.without_request.pop(self, None)
        if self._owes is Owes.BODY and cycle is self.cycle:
            self._wait_for_client(GRACE)
        super()._start_asgi_task(cycle, partial(self._answer, cycle, app))

    async def _answer(
        self, cycle: RequestResponseCycle, app: ASGIApp, scope: Scope, receive: Receive, send: Send
    ) -> None:
        async def send_last_words(message: Message) -> None:
            if message["type"] == "http.response.start" and self._ends_with(cycle):
                cycle.keep_alive = False
            await send(message)

        await app(scope, receive, send_last_words)

    def _ends_with(self, cycle: RequestResponseCycle) -> bool:
        """Whether the connection cannot be used after this answer.

        So it is if the client was never told to send its body: whether it does so all the same, nobody
        can know (RFC 9110, 10.1.1).
        """
        too_much = cycle.more_body and self._left > MOST_DROPPED
        return self._limits.is_closing or cycle.waiting_for_100_continue or too_much

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for one."""
        if self._running is not None:
            self._running.body = bytearray()  # of what was refused
        self._running = None
        self._limits.without_request[self] = None
        super().on_response_complete()
        if self._running is None and self._owes is Owes.HEAD and not self._is_deaf:
            self._wait_for_client()

    # What a client owes

    def _wait_for_client(self, grace: float = 0.0) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(self._limits.seconds + grace, self._give_up_waiting)

    def _is_sending(self) -> bool:
        return self._is_deaf or self._owes is Owes.BODY

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up_waiting(self) -> None:
        if self.scope is None:  # it has never said anything
            self._limits.count("connection_silent")
            self.drop()
        else:
            self._refuse(Refusal("slow_body", "the request did not arrive in time"))

    def _refuse(self, refusal: Refusal) -> None:
        """Answer what cannot be a request, then end. An earlier request is answered first, and last."""
        self._is_deaf = True
        running = self._running
        if running is not None and not (running is self.cycle and running.more_body):
            running.keep_alive = False
            self._limits.refuse(refusal.code)
            return
        if running is not None:
            running.disconnected = True  # the app hears that its client has gone, and answers no more
            running.message_event.set()
        is_answered = self._owes is Owes.BODY and (running is None or running.response_started)
        if not is_answered:
            self._limits.refuse(refusal.code)
            self.transport.write(_answer_to(refusal))
        self.end()


def _is_clear(method: bytes, version: str, fields: list[tuple[bytes, bytes]]) -> bool:
    """Whether a head means the same to everybody: RFC 9112, 3.2 and 6.1. llhttp has checked the rest."""
    hosts = sum(name == b"host" for name, _ in fields)
    codings = [value.strip().lower() for name, value in fields if name == b"transfer-encoding"]
    if method == b"CONNECT" or hosts > 1:
        return False
    if version == "1.0":
        return not codings
    return version == "1.1" and hosts == 1 and codings in ([], [b"chunked"])


def _answer_to(refusal: Refusal) -> bytes:
    """Write the answer to what no app has seen."""
    answer = problem(refusal, secrets.token_hex(16))
    fields = [*answer.raw_headers, (b"connection", b"close")]
    lines = [f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}".encode()]
    lines += [name + b": " + value for name, value in fields]
    return b"\r\n".join([*lines, b"", bytes(answer.body)])
