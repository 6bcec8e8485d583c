"""Lets photos of another source stand still with those of the polled one, so that a message can be worked alone."""

import threading
from collections.abc import Callable, Collection
from typing import Any, Protocol

from worker.intake.turns import QuietSource
from worker.messages import Message
from worker.pipeline.lanes import Lane

LOOK = 0.05  # seconds between two looks whether photos of the other source are still in work


class Neighbour(Protocol):
    """A source that brings photos by itself, in a lane of its own."""

    lane: Lane[Any]

    @property
    def begun(self) -> int:
        """How many of its photos were taken from the lane and are in work."""


class QuietTogether:
    """Both sources as one. While it is paused, nothing is taken from the neighbour's lane, unless the worker stops."""

    def __init__(
        self, polled: QuietSource, neighbour: Neighbour, is_stopping: Callable[[], bool] = lambda: False
    ) -> None:
        self._polled = polled
        self._neighbour = neighbour
        self._is_paused = False
        neighbour.lane.blocked = lambda: self._is_paused and not is_stopping()

    def pause(self) -> None:
        """Begin no receive until `resume`, and no photo of the neighbour's."""
        self._polled.pause()
        with self._neighbour.lane.mutex:  # nobody is in the middle of taking one
            self._is_paused = True

    def resume(self) -> None:
        """Go on with both."""
        self._polled.resume()
        lane = self._neighbour.lane
        with lane.mutex:
            self._is_paused = False
            lane.not_empty.notify_all()

    def held(self) -> list[Message]:
        """Every message that is not settled yet."""
        return self._polled.held()

    def is_idle(self, besides: Collection[Message], timeout: float) -> bool:
        """Wait until nothing but these messages is in work. Returns whether that is so."""
        left, pause = timeout, threading.Event()
        while self._neighbour.begun:
            if left <= 0:
                return False
            pause.wait(LOOK)
            left -= LOOK
        return self._polled.is_idle(besides, timeout)
