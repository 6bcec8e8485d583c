"""Ends a connection so that its client still reads the last answer, and so that it does end."""

import asyncio
from collections.abc import Callable
from typing import Any

CLOSING = 2.0  # seconds that a client may take to read its last answer


class PoliteTransport(asyncio.Transport):
    """A TCP connection. Its `close` waits for a client that is still sending.

    If a connection is closed while bytes lie there unread, TCP resets it, and the client may never see
    the answer (RFC 9112, 9.6). So only our half is closed then, and what still comes is dropped.
    """

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, is_sending: Callable[[], bool]
    ) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._is_sending = is_sending
        self._is_closing = False

    def close(self) -> None:
        """Send what is left, then end; after `CLOSING` seconds without that."""
        if self._is_closing:
            return
        self._is_closing = True
        self._loop.call_later(CLOSING, self._transport.abort)
        if self._is_sending():
            self._transport.resume_reading()
            self._transport.write_eof()
        else:
            self._transport.close()

    def is_closing(self) -> bool:
        """Whether nothing more will be sent."""
        return self._is_closing or self._transport.is_closing()

    def abort(self) -> None:
        """End at once; what is left is not sent."""
        self._is_closing = True
        self._transport.abort()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes, without waiting."""
        self._transport.write(data)

    def pause_reading(self) -> None:
        """Let the client wait."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Let the client go on."""
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Tell addresses and the like."""
        return self._transport.get_extra_info(name, default)
