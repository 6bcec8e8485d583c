"""HTTP/1.1 within bounds: what comes on a connection, and what is answered.

uvicorn parses (llhttp, strict), runs the app and writes answers, but bounds nothing. What this class adds
is read off its source (0.54).
"""

from functools import partial
from typing import Any

import httptools
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from worker.door.http import head
from worker.door.http.connection import ALL_BUSY, Connection
from worker.door.http.incoming import Owes
from worker.door.problems import Refusal

PIECE = 16_384  # bytes given to the parser at a time: a flood is noticed after so many
MOST_PIPELINED = 8  # requests sent ahead of their answers; browsers and load balancers send none
NO_HTTP = "this is not understood as HTTP/1.1"
TOO_EARLY = "too much was sent ahead of an answer"
CHECKS = {b"/livez", b"/readyz", b"/metrics"}  # answered also while all are busy
GRACE = 1.0  # seconds that the app has to refuse a slow body by itself


class Protocol(Connection):
    """One connection, its requests and their answers."""

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
        self._incoming.take(len(piece))
        while piece:
            try:
                self.parser.feed_data(piece)
            except httptools.HttpParserUpgrade as upgrade:  # we stay with HTTP/1.1: RFC 9110, 7.8
                piece = piece[upgrade.args[0] :]
            else:
                break
        self._incoming.check()

    def on_message_begin(self) -> None:
        """Begin a request."""
        if len(self.pipeline) >= MOST_PIPELINED:
            raise Refusal("bad_request", TOO_EARLY)
        self._unset_keepalive_if_required()
        super().on_message_begin()
        if self._incoming.owes is Owes.NOTHING:
            self._incoming.owes = Owes.HEAD
            if self._running is None:
                self._wait_for_client()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field. Trailers are dropped: RFC 9110, 6.5.1."""
        if self._incoming.owes is Owes.BODY:
            return
        super().on_header(name, value)
        head.check_size(fields=len(self.headers))

    def on_headers_complete(self) -> None:
        """Check the head, and let the app have the request."""
        head.check_meaning(self.parser.get_method(), self.parser.get_http_version(), self.headers)
        self._incoming.check()
        if self._limits.cap.is_reached and self._running is None and self.url not in CHECKS:
            raise Refusal("no_connection", ALL_BUSY)
        self._incoming.begin_body(head.body_length(self.headers))
        self._time_to_send.stop()
        super().on_headers_complete()
        if self._running is not self.cycle:  # uvicorn stops reading then, and would not see its client go
            self.flow.resume_reading()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, or drop it if its request is answered already."""
        self._incoming.take_body(len(body), is_answered=self.cycle.response_complete)
        super().on_body(body)
        if self._running not in {None, self.cycle} and len(self.cycle.body) > HIGH_WATER_LIMIT:
            raise Refusal("bad_request", TOO_EARLY)

    def on_message_complete(self) -> None:
        """End a request."""
        self._incoming.end()
        self._time_to_send.stop()
        super().on_message_complete()

    # What is answered

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        self._limits.cap.begin(self)
        if self._incoming.owes is Owes.BODY and cycle is self.cycle:
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
        too_much = cycle.more_body and self._incoming.will_be_endless
        return self._limits.is_closing or cycle.waiting_for_100_continue or too_much

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for one."""
        if self._running is not None:
            self._running.body = bytearray()  # of what was refused
        self._running = None
        if self.transport.is_closing():
            self._limits.cap.leave(self)
        else:
            self._limits.cap.wait(self)
        super().on_response_complete()
        if self._running is None and self._incoming.owes is Owes.HEAD and not self._is_deaf:
            self._wait_for_client()
