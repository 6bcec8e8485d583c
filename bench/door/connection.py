"""A cheap HTTP client: one request after the other on a connection that stays open."""

import asyncio
from dataclasses import dataclass
from typing import Self, cast

import httptools

from localstack.services import HOST


@dataclass(frozen=True, slots=True)
class Answer:
    """What matters of an answer: its status, and its first bytes."""

    status: int
    body: bytes
    retry_after: float  # seconds; 0 if it does not say


class Connection(asyncio.Protocol):
    """Belongs to one event loop. Make it with `open`."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._answered: asyncio.Future[Answer] | None = None
        self._begin()

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect. Raises OSError."""
        _, made = await asyncio.get_running_loop().create_connection(cls, HOST, port)
        return made

    @property
    def is_open(self) -> bool:
        """Whether it can take another request."""
        return not self._transport.is_closing()

    async def ask(self, request: bytes) -> Answer:
        """Send a request and return its answer. Raises ConnectionError."""
        if not self.is_open:
            raise ConnectionResetError("the server has closed the connection")
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answered

    def close(self) -> None:
        """Close it."""
        self._transport.close()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self._answered and not self._answered.done():
            self._answered.set_exception(error or ConnectionResetError("closed without an answer"))

    # What the parser calls.

    def on_message_begin(self) -> None:
        self._begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self._retry_after = float(value)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        answer = Answer(self._parser.get_status_code(), self._body, self._retry_after)
        if not self._parser.should_keep_alive():
            self.close()
        if self._answered and not self._answered.done():
            self._answered.set_result(answer)

    def _begin(self) -> None:
        self._body, self._retry_after = b"", 0.0
