"""The cap on connections: who makes room for a new one, and when all are busy."""

from collections.abc import Callable
from typing import Protocol

SPARE = 16  # connections beyond the cap: a load balancer's health checks, and a person's


class Connection(Protocol):
    """What can be ended to make room."""

    def drop(self) -> None:
        """End at once."""

    def end(self) -> None:
        """End once the client has read what was sent to it."""


class Cap:
    """Knows all connections of a server. Used by its loop alone."""

    def __init__(self, most: int, count: Callable[[str], None]) -> None:
        """`most`: at a time, with requests. `count` hears of each that made room."""
        self._most = most
        self._count = count
        self._open = set[Connection]()
        self._waiting = dict[Connection, None]()  # those without a request, the longest first

    @property
    def waiting(self) -> list[Connection]:
        """Those without a request, the one that has been so for longest first."""
        return list(self._waiting)

    @property
    def is_reached(self) -> bool:
        """Whether there are as many requests as may be."""
        return len(self._open) - len(self._waiting) >= self._most

    def take(self, newest: Connection) -> bool:
        """Take one more. If there are too many, the one that has been without a request for longest ends.

        A few more than the cap are taken: health checks are answered also while all others are busy.
        False if there is none to end.
        """
        self._open.add(newest)
        has_room = len(self._open) <= self._most + SPARE
        if not has_room and self._waiting:
            self._count("connection_evicted")
            next(iter(self._waiting)).drop()
            has_room = True
        self._waiting[newest] = None
        return has_room

    def begin(self, one: Connection) -> None:
        """It has a request."""
        self._waiting.pop(one, None)

    def wait(self, one: Connection) -> None:
        """It has none."""
        self._waiting[one] = None

    def forget(self, one: Connection) -> None:
        """It has ended."""
        self._open.discard(one)
        self._waiting.pop(one, None)
