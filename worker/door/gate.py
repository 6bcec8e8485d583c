"""Whether the door takes photos: not before the models are warm, and for a while after a stop began."""

import math
from collections.abc import Callable
from enum import Enum


class Phase(Enum):
    """What the door does at a time."""

    STARTING = "starting"
    OPEN = "open"
    LINGERING = "lingering"  # a stop has begun; who has not heard of it may still send photos
    CLOSED = "closed"


class Gate:
    """Thread-safe. `linger`: seconds that it goes on accepting photos once it is closed."""

    def __init__(self, linger: float, clock: Callable[[], float]) -> None:
        self._linger = linger
        self._clock = clock
        self._is_open = False
        self._closes_at = math.inf

    @property
    def phase(self) -> Phase:
        """What the door does now."""
        if self._closes_at <= self._clock():
            return Phase.CLOSED
        if not self._is_open:
            return Phase.STARTING
        return Phase.OPEN if self._closes_at == math.inf else Phase.LINGERING

    @property
    def is_ready(self) -> bool:
        """Whether a load balancer should send photos here."""
        return self.phase is Phase.OPEN

    @property
    def accepts(self) -> bool:
        """Whether photos that come all the same are taken."""
        return self.phase in {Phase.OPEN, Phase.LINGERING}

    @property
    def is_stopping(self) -> bool:
        """Whether a stop has begun."""
        return self._closes_at != math.inf

    def open(self) -> None:
        """Take photos from now on."""
        self._is_open = True

    def close(self) -> None:
        """Begin to stop. One that was never open does not linger."""
        if self._closes_at == math.inf:
            self._closes_at = self._clock() + (self._linger if self._is_open else 0.0)
