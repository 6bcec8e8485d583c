"""The cap on connections: who makes room for a new one, and when all are busy."""

from collections.abc import Callable
from typing import Protocol

SPARE = 16  # connections beyond the cap: a load balancer's health checks, and a person's
MOST_LEAVING = 64  # beyond both, that still say farewell: two rounds of what asyncio accepts at once


class Connection(Protocol):
    """What can be ended to make room."""

    def turn_away(self) -> None:
        """Tell the client that there are too many; then call `leave`."""

    def drop(self) -> None:
        """End at once; then call `forget`."""

    def end(self) -> None:
        """End once the client has read what was sent to it; then call `leave`."""


class Cap:
    """Knows all connections of a server. Used by its loop alone.

    Each is busy with a request, waiting for one, or leaving.
    """

    def __init__(self, most: int, count: Callable[[str], None]) -> None:
        """`most`: at a time, with requests. `count` hears of each that made room."""
        self._most = most
        self._count = count
        self._busy = set[Connection]()
        self._waiting = dict[Connection, None]()  # the longest first
        self._leaving = dict[Connection, None]()  # the longest first

    @property
    def waiting(self) -> list[Connection]:
        """Those without a request, the one that has been so for longest first."""
        return list(self._waiting)

    @property
    def is_reached(self) -> bool:
        """Whether there are as many requests as may be."""
        return len(self._busy) >= self._most

    def take(self, newest: Connection) -> None:
        """Take one more. If there are too many, the one that has waited for longest is turned away.

        That may be the newest itself. A few more than the cap are taken: health checks are answered
        also while all others are busy.
        """
        self.wait(newest)
        room = self._most + SPARE - len(self._busy)
        if len(self._waiting) > room:
            self._count("connection_evicted")
            next(iter(self._waiting)).turn_away()
        if len(self._waiting) + len(self._leaving) > room + MOST_LEAVING:
            next(iter(self._leaving)).drop()

    def wait(self, one: Connection) -> None:
        """It has no request."""
        self._busy.discard(one)
        self._waiting[one] = None

    def begin(self, one: Connection) -> None:
        """It has one."""
        self._waiting.pop(one, None)
        self._busy.add(one)

    def leave(self, one: Connection) -> None:
        """It has had its last answer. It is dropped only if others need its room."""
        self._busy.discard(one)
        self._waiting.pop(one, None)
        self._leaving[one] = None

    def forget(self, one: Connection) -> None:
        """It has ended."""
        self._busy.discard(one)
        self._waiting.pop(one, None)
        self._leaving.pop(one, None)
