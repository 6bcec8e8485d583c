"""Runs the threads of a test one at a time, in an order drawn from a seed: the same seed, the same run.

All of `threading` and `queue` is made of one thing, the lock. Inside `with Schedule(seed)`, new locks,
and whatever is made of them, belong to the schedule. A thread that is about to take a lock lets the
seed choose who goes on, and one that waits is passed over until it can go on. What a test's stand-ins
do outside the process calls `pause`, which is such a moment too. Everything between two such moments
happens without a break.

Time is the schedule's own: it stands still while anybody can go on, and then jumps to the first
timeout. So a minute of waiting takes no time, and a deadlock is found at once.
"""

import _thread
import math
import random
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from unittest import mock

import structlog

STUMBLES, STUMBLE = 0.02, 0.3  # how often a thread is kept waiting, and for how many seconds at most
PATIENCE = 10.0  # real seconds until a thread that does not end is an error

Condition = Callable[[], bool]


class DeadlockError(AssertionError):
    """Nobody can go on, and nobody waits for a time."""


class _EndedError(BaseException):
    """Raised in every thread that is left when its schedule ends."""


class _Turn:
    """A thread of the schedule: whether it can go on, and the lock at which it waits for its turn."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.can_go_on: Condition = lambda: True
        self.until = math.inf  # it goes on at this time all the same
        self.is_over = False
        self.is_mine = _thread.allocate_lock()
        self.is_mine.acquire()


class Schedule:
    """`now`: seconds. `chance`: what else a test draws from the seed."""

    def __init__(self, seed: int) -> None:
        self.now = 1000.0
        self.chance = random.Random(seed)
        self._turns = [_Turn("main")]
        self._current = self._turns[0]
        self._threads = {_thread.get_ident()}
        self._failure: BaseException | None = None  # of any thread; the main one raises it
        self._is_over = False
        real_current_thread, self._real_thread = threading.current_thread, threading.Thread
        replaced: dict[str, Any] = {
            "Lock": self._new_lock,
            "_allocate_lock": self._new_lock,  # what a waiter at a condition waits for
            "RLock": threading._PyRLock,  # type: ignore[attr-defined] # made of Lock, unlike the one in C
            "_time": lambda: self.now if self._is_ours() else time.monotonic(),
            "Thread": self._new_thread,
            "current_thread": lambda: self._current if self._is_ours() else real_current_thread(),
        }
        self._replaced = mock.patch.multiple(threading, **replaced)

    def __enter__(self) -> Self:
        structlog.PrintLogger()  # keeps the lock that it makes at its first use: not one of ours
        self._replaced.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._replaced.stop()
        self._is_over = True
        left = [turn for turn in self._turns[1:] if not turn.is_over]
        for turn in left:
            turn.is_mine.release()
        end = time.monotonic() + PATIENCE
        while any(not turn.is_over for turn in left):
            assert time.monotonic() < end, f"{[turn.name for turn in left if not turn.is_over]} do not end"
            time.sleep(0)  # lets them end

    def clock(self) -> float:
        """The time, as code under test asks for it."""
        return self.now

    def pause(self, seconds: float = 0.0) -> None:
        """Let others go on, for so long at least."""
        end = self.now + seconds
        self.wait(lambda: self.now >= end, seconds)

    def stumble(self) -> None:
        """Now and then, keep a thread from going on for a moment, as a busy machine does."""
        if self.chance.random() < STUMBLES:
            self.pause(self.chance.random() * STUMBLE)

    def wait(self, condition: Condition, seconds: float = math.inf) -> bool:
        """Let others go on until the condition holds, or the time is over. Returns whether it holds."""
        turn = self._current
        turn.can_go_on, turn.until = condition, self.now + seconds
        self._end_if_over()
        self._current = self._next()
        if self._current is not turn:
            self._current.is_mine.release()
            turn.is_mine.acquire()
            self._end_if_over()
        return condition()

    def _next(self) -> _Turn:
        """Draw who goes on. If nobody can, time passes until the first one can."""
        running = [turn for turn in self._turns if not turn.is_over]
        able = [turn for turn in running if turn.can_go_on() or turn.until <= self.now]
        if not able:
            self.now = min(turn.until for turn in running)
            able = [turn for turn in running if turn.until <= self.now < math.inf]
        if not able:
            self._failure = DeadlockError(f"{[turn.name for turn in running]} wait for one another")
            return self._turns[0]
        return self.chance.choice(able)

    def _end_if_over(self) -> None:
        if self._failure and self._current is self._turns[0]:
            raise self._failure
        if self._is_over:
            raise _EndedError

    def _is_ours(self) -> bool:
        """Whether the thread is one of the schedule. The test runner may have others."""
        return _thread.get_ident() in self._threads

    def _new_lock(self) -> Any:
        return _Lock(self) if self._is_ours() else _thread.allocate_lock()

    def _new_thread(self, *args: Any, **named: Any) -> Any:
        return _Thread(self, **named) if self._is_ours() else self._real_thread(*args, **named)

    def start(self, turn: _Turn, target: Callable[[], object]) -> None:
        """Start a thread that waits for its first turn."""

        def run() -> None:
            turn.is_mine.acquire()
            try:
                if not self._is_over:
                    self._threads.add(_thread.get_ident())
                    target()
            except _EndedError:
                pass
            except BaseException as error:  # noqa: BLE001 - the test fails by it
                self._failure = self._failure or error
            finally:
                self._threads.discard(_thread.get_ident())
                turn.is_over = True
                if not self._is_over:
                    self._current = self._next()
                    self._current.is_mine.release()

        self._turns.append(turn)
        _thread.start_new_thread(run, ())


class _Lock:
    """A lock of the schedule."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._is_held = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if blocking:
            self._schedule.stumble()
            self._schedule.wait(lambda: not self._is_held, math.inf if timeout < 0 else timeout)
        if self._is_held:
            return False
        self._is_held = True
        return True

    def release(self) -> None:
        if not self._is_held:
            raise RuntimeError("release of a lock that nobody holds")
        self._is_held = False

    def locked(self) -> bool:
        return self._is_held

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class _Thread(_Turn):
    """A thread of the schedule, as code under test uses it."""

    def __init__(
        self,
        schedule: Schedule,
        target: Callable[..., object],
        args: tuple[Any, ...] = (),
        name: str = "thread",
        daemon: bool = True,
    ) -> None:
        super().__init__(name)
        self.daemon = daemon
        self._schedule = schedule
        self._call = lambda: target(*args)
        self._is_started = False

    def start(self) -> None:
        self._is_started = True
        self._schedule.start(self, self._call)

    def is_alive(self) -> bool:
        return self._is_started and not self.is_over

    def join(self, timeout: float | None = None) -> None:
        self._schedule.wait(lambda: not self.is_alive(), math.inf if timeout is None else timeout)
