"""Starts, watches and cancels moves of dead letters. SQS itself moves them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from worker.errors import QueueError

ACTIVE = {"RUNNING", "CANCELLING"}
RATES = range(1, 501)  # letters a second; SQS's own limit
RATE = 10  # low, so that a cause that persists shows before all letters are back
LOOK_INTERVAL = 1.0  # seconds
LISTING_LOOKS = 30  # looks until SQS must list a new move


@dataclass(frozen=True, slots=True)
class Move:
    """A move of a queue's letters, as SQS describes it."""

    status: str  # RUNNING, COMPLETED, CANCELLING, CANCELLED or FAILED
    moved: int  # approximate
    of: int | None  # unknown until SQS has begun
    rate: int | None  # letters a second; None if SQS chooses
    started_at: datetime | None
    handle: str | None  # only while it runs
    failure: str | None

    @property
    def is_active(self) -> bool:
        """Whether it still runs, so that no other move may start."""
        return self.status in ACTIVE

    def __str__(self) -> str:
        rate = f", {self.rate} a second" if self.rate else ""
        since = f", started {self.started_at:%Y-%m-%d %H:%M:%S} UTC" if self.started_at else ""
        return f"{self.moved} of {'?' if self.of is None else self.of} moved{rate}{since}"


class LetterQueue(Protocol):
    """A dead-letter queue. Its methods raise QueueError."""

    def moves(self) -> list[Move]:
        """List the last moves, the newest first."""

    def start(self, rate: int) -> None:
        """Start a move of `rate` letters a second."""

    def cancel(self, handle: str) -> int:
        """Cancel a move. Return how many letters it moved."""


class RunningError(QueueError):
    """Raised when another move is running: a queue has one at a time."""


def start(queue: LetterQueue, rate: int) -> None:
    """Start a move. Raises QueueError, or RunningError if another move is running."""
    _check_none_active(queue)
    try:
        queue.start(rate)
    except QueueError:
        _check_none_active(queue)  # another one may have started meanwhile
        raise


def watch(queue: LetterQueue, tell: Callable[[Move], None], pause: Callable[[float], object]) -> Move:
    """Follow the newest move until it ends, and return it. Raises QueueError.

    Calls `tell` with the move at each look, and `pause` with the seconds to wait until the next.
    """
    started_at: datetime | None = None
    looks = 0
    while True:
        move = next((one for one in queue.moves() if started_at in {None, one.started_at}), None)
        if move is not None:
            started_at = move.started_at
            tell(move)
            if not move.is_active:
                return move
        elif looks > LISTING_LOOKS:
            raise QueueError("SQS does not list the move")
        looks += 1
        pause(LOOK_INTERVAL)


def cancel(queue: LetterQueue) -> int | None:
    """Cancel the move that is running. Raises QueueError.

    Returns how many letters it moved, or None if no move is running.
    """
    handle = next((move.handle for move in queue.moves() if move.is_active and move.handle), None)
    return None if handle is None else queue.cancel(handle)


def _check_none_active(queue: LetterQueue) -> None:
    active = next((move for move in queue.moves() if move.is_active), None)
    if active is not None:
        raise RunningError(
            f"a move is running already ({active}), and a queue has one at a time: wait for it to end, or run "
            "`dead-letters cancel`"
        )
