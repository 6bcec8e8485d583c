"""Lets look-ups of many threads share a call: what is asked for while one is under way goes with the next."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from worker.errors import StoreError

# Seconds that a thread waits for another one's call to end; a dead connection takes far longer.
PATIENCE = 0.05


@dataclass(eq=False, slots=True)
class _LookUp:
    """What one thread asks for."""

    name: str
    told: threading.Event = field(default_factory=threading.Event)  # of its turn, or of the answer
    must_call: bool = False  # its turn: it calls for all who wait
    answer: Any = None
    error: str = "the call that it shared has ended without an answer"


class Gathering:
    """Thread-safe. A thread that finds no call under way waits for nobody. Otherwise one calls for many."""

    def __init__(self, get: Callable[[Sequence[str]], list[Any]], patience: float = PATIENCE) -> None:
        """`get`: reads the values of keys, within a time limit of its own; raises StoreError."""
        self._get = get
        self._patience = patience
        self._lock = threading.Lock()
        self._waiting: list[_LookUp] = []
        self._calling = 0

    def get(self, name: str) -> Any:
        """Read the value of a key. Raises StoreError."""
        mine = _LookUp(name)
        with self._lock:
            if self._calling:
                self._waiting.append(mine)
            else:
                self._begin(mine)
        if not mine.must_call and not mine.told.wait(self._patience):
            with self._lock:
                if mine in self._waiting:
                    self._waiting.remove(mine)
                    self._begin(mine)
        if not mine.must_call:
            mine.told.wait()  # it is part of a call
        if mine.must_call:
            self._call(mine)
        if mine.error:
            raise StoreError(mine.error)
        return mine.answer

    def _begin(self, look_up: _LookUp) -> None:
        look_up.must_call = True
        self._calling += 1

    def _call(self, mine: _LookUp) -> None:
        """Call for all who wait, then pass the turn on."""
        with self._lock:
            together, self._waiting = [mine, *self._waiting], []
        try:
            answers = self._get([look_up.name for look_up in together])
            for look_up, answer in zip(together, answers, strict=True):
                look_up.answer, look_up.error = answer, ""
        except StoreError as error:
            for look_up in together:
                look_up.error = str(error)
        finally:
            with self._lock:
                self._calling -= 1
                following = self._waiting[:1]
                del self._waiting[:1]
                for look_up in following:
                    self._begin(look_up)
            for look_up in [*following, *together]:
                look_up.told.set()
