"""Gives all viewers the same frame a few times a second: a stream of server-sent events (WHATWG HTML, 9.2)."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

MOST = 16  # viewers at a time
FRAME = 0.25  # seconds from one frame to the next
RETRY = b"retry: 1000\n\n"  # milliseconds until a browser connects again


class Viewers:
    """Belongs to the server's loop. Makes frames only while somebody watches.

    A viewer who reads slowly gets the newest frame next, and none of those between: nothing piles up.
    One who reads nothing is let go by its connection, as every client is that does not read its answer.
    """

    def __init__(self, frame: Callable[[], Mapping[str, Any]], watch: Callable[[bool], None]) -> None:
        """`watch` is told when the first viewer comes, and when the last one goes."""
        self._frame = frame
        self._watch = watch
        self._watching = 0
        self._newest = b""
        self._next: asyncio.Future[None] | None = None  # done with the next frame
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.has_ended = False

    @property
    def is_full(self) -> bool:
        """Whether there are as many as there may be."""
        return self._watching >= MOST

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place, and leave it in the end."""
        self._begin()
        try:
            yield
        finally:
            self._leave()

    async def frames(self) -> AsyncGenerator[bytes]:
        """The events for one viewer who has a place, until the end."""
        yield RETRY
        while not self.has_ended:
            if self._next is None:
                self._next = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._next)
            if not self.has_ended:
                yield self._newest

    def end(self) -> None:
        """Send the viewers away, at once and from now on. From any thread."""
        self.has_ended = True
        with suppress(RuntimeError):  # the loop has ended: so have they
            if self._loop:
                self._loop.call_soon_threadsafe(self._wake)

    def _begin(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._watching += 1
        if self._task is None:
            self._watch(True)
            self._task = self._loop.create_task(self._make_frames())

    def _leave(self) -> None:
        self._watching -= 1
        if not self._watching and self._task:
            self._task.cancel()
            self._task = None
            self._watch(False)

    async def _make_frames(self) -> None:
        while not self.has_ended:
            frame = json.dumps(self._frame(), separators=(",", ":"))
            self._newest = f"event: pipeline\ndata: {frame}\n\n".encode()
            self._wake()
            await asyncio.sleep(FRAME)

    def _wake(self) -> None:
        waiting, self._next = self._next, None
        if waiting and not waiting.done():
            waiting.set_result(None)
