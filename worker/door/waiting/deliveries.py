"""Brings answers from other threads to the requests of an event loop: one wake-up for all that come together."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class Deliveries(Generic[T]):
    """Belongs to one event loop, but for `put`, which may be called anywhere."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[asyncio.Future[T], T]] = deque()
        self._is_called = False

    def put(self, future: asyncio.Future[T], value: T) -> None:
        """Give a future its value soon, unless it is done by then."""
        self._waiting.append((future, value))  # before the look: a call that is due then finds it
        if not self._is_called:
            self._is_called = True
            with suppress(RuntimeError):  # the loop has ended, and so have all connections
                future.get_loop().call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._is_called = False
        while self._waiting:
            future, value = self._waiting.popleft()
            if not future.done():  # else nobody waits any more
                future.set_result(value)
