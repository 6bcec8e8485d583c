"""Watches a stream as a browser does, without a socket."""

import asyncio

from starlette.types import Message

from localstack.playground.web.stream import Stream


class Connection:
    """A viewer's connection, as an ASGI server has it. `reads`: set while the viewer reads."""

    def __init__(self, stream: Stream) -> None:
        self.got: list[Message] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.left = asyncio.Event()
        self.answer = asyncio.ensure_future(stream.answer({}, self._receive, self._send))

    @property
    def text(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.got)

    async def sees(self, text: bytes) -> None:
        while text not in self.text:
            await asyncio.sleep(0)

    async def _receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        await self.reads.wait()
        self.got.append(message)
