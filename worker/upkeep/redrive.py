"""Moving dead letters back: a move is carried out by SQS itself; here it is started, watched and cancelled."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from worker.errors import QueueError

ACTIVE = {"RUNNING", "CANCELLING"}
RATES = range(1, 501)  # letters a second; SQS's own limit
RATE = 10  # careful: a cause that has not gone is seen before all letters have come back
LOOK = 1.0  # seconds between two looks at a move
LISTED = 30  # looks until a move that was started must be listed


@dataclass(frozen=True, slots=True)
class Move:
    """What SQS says of one move of a queue's letters."""

    status: str  # RUNNING, COMPLETED, CANCELLING, CANCELLED or FAILED
    moved: int  # about
    of: int | None  # unknown until SQS has begun
    rate: int | None  # letters a second; none where SQS chooses
    started_at: datetime | None
    handle: str | None  # only while it runs
    failure: str | None

    @property
    def is_active(self) -> bool:
        """Whether it goes on, so that no other may begin."""
        return self.status in ACTIVE

    def __str__(self) -> str:
        rate = f", {self.rate} a second" if self.rate else ""
        since = f", begun {self.started_at:%Y-%m-%d %H:%M:%S} UTC" if self.started_at else ""
        return f"{self.moved} of {'?' if self.of is None else self.of} moved{rate}{since}"


class Letters(Protocol):
    """A dead-letter queue; every method raises QueueError."""

    def moves(self) -> list[Move]:
        """Give the last moves, the newest first."""
        ...

    def start(self, rate: int) -> None:
        """Start a move of so many letters a second."""
        ...

    def cancel(self, handle: str) -> int:
        """Stop a move; how many it had moved."""
        ...


class RunningError(QueueError):
    """Raised when a move is under way already: a queue has one at a time."""


def start(letters: Letters, rate: int) -> None:
    """Start a move. Raises RunningError where one is under way, and QueueError."""
    _refuse_second(letters)
    try:
        letters.start(rate)
    except QueueError:
        _refuse_second(letters)  # somebody was faster
        raise


def watch(letters: Letters, tell: Callable[[Move], None], pause: Callable[[float], object]) -> Move:
    """Look at the newest move until it has ended, and tell of it each time; how it ended. Raises QueueError.

    `pause` waits so many seconds.
    """
    begun: datetime | None = None
    for look in range(10**9):  # a move may take a day and a half
        move = _same(letters.moves(), begun)
        if move is not None:
            begun = move.started_at
            tell(move)
            if not move.is_active:
                return move
        elif look > LISTED:
            break
        pause(LOOK)
    raise QueueError("SQS does not list the move")


def cancel(letters: Letters) -> int | None:
    """Stop the move that is under way; how many letters it had moved, or None when there is none. Raises QueueError."""
    handle = next((move.handle for move in letters.moves() if move.is_active and move.handle), None)
    return None if handle is None else letters.cancel(handle)


def _refuse_second(letters: Letters) -> None:
    active = next((move for move in letters.moves() if move.is_active), None)
    if active is not None:
        raise RunningError(
            f"a move is under way already ({active}), and a queue has one at a time: wait for it, or "
            "`dead-letters cancel`"
        )


def _same(moves: list[Move], begun: datetime | None) -> Move | None:
    """Find the move that is watched; at first the newest."""
    return next((move for move in moves if begun is None or move.started_at == begun), None)
