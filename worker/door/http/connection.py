"""One connection's life: whether there is room for it, the time that its client has, and how it ends.

Read off uvicorn's source (0.54), whose protocol gives clients all the time they want. A cycle is a request
and its answer; its `keep_alive`, `disconnected` and `message_event` are set here.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from worker.door.http.cap import Cap
from worker.door.http.countdown import Countdown
from worker.door.http.incoming import Incoming, Owes
from worker.door.http.transport import PoliteTransport
from worker.door.problems import Refusal, write

READ = 65_536  # bytes read at a time; asyncio's 256 KiB, times all connections, would be 128 MB
ALL_BUSY = "all connections of this worker are in use"


@dataclass(eq=False)
class Limits:
    """What all connections of a server share. Used by its loop alone."""

    cap: Cap
    seconds: float  # for a head, for a body, and for reading an answer
    count: Callable[[str], None] = lambda _: None  # hears of each connection that was closed
    refuse: Callable[[str], None] = lambda _: None  # hears the code of each refusal
    is_closing: bool = False  # each answer is its connection's last one


class Connection(HttpToolsProtocol):
    """One connection, whatever is sent on it."""

    def __init__(self, limits: Limits, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._limits = limits
        self._incoming = Incoming()
        self._time_to_send = Countdown(self.loop)
        self._time_to_read = Countdown(self.loop)
        self._running: RequestResponseCycle | None = None  # the request that the app has now
        self._is_deaf = False  # what still comes is dropped

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Take a connection."""
        transport.max_size = READ  # type: ignore[attr-defined]  # asyncio does not document it; a test shows it
        transport.set_write_buffer_limits(0)  # a client reads too slowly as soon as the kernel takes no more
        polite = PoliteTransport(transport, self.loop, self._is_sending)
        super().connection_made(polite)
        self._wait_for_client()
        self._limits.cap.take(self)

    def turn_away(self) -> None:
        """Make room. A request may be on its way, or lie here unread: so this is an answer to it."""
        self._is_deaf = True
        if self._incoming.owes is not Owes.BODY:  # else it has its answer
            self.transport.write(write(Refusal("no_connection", ALL_BUSY)))
        self.end()

    def drop(self) -> None:
        """End at once, without a word."""
        self._limits.cap.forget(self)
        self.connections.discard(self)
        self.transport.abort()

    def end(self) -> None:
        """End once the client has read what was sent to it. It can still be dropped meanwhile."""
        self._time_to_send.stop()
        self._limits.cap.leave(self)
        self.transport.close()
        self._is_deaf = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the app. uvicorn tells only the newest of several requests."""
        self._limits.cap.forget(self)
        self._time_to_send.stop()
        self.resume_writing()
        if self._running is not None:
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Give a client that reads too slowly its time, then end."""
        super().pause_writing()
        self._time_to_read.begin(self._limits.seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        super().resume_writing()
        self._time_to_read.stop()

    def _wait_for_client(self, grace: float = 0.0) -> None:
        self._time_to_send.begin(self._limits.seconds + grace, self._give_up_waiting)

    def _is_sending(self) -> bool:
        return self._is_deaf or self._incoming.owes is Owes.BODY

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
        is_answered = self._incoming.owes is Owes.BODY and (running is None or running.response_started)
        if not is_answered:
            self._limits.refuse(refusal.code)
            self.transport.write(write(refusal))
        self.end()
