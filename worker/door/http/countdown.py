"""A time limit that can be begun anew, or called off."""

import asyncio
from collections.abc import Callable


class Countdown:
    """Belongs to one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, seconds: float, then: Callable[[], None]) -> None:
        """Begin, or begin anew. `then` is called once the seconds are over."""
        self.stop()
        self._timer = self._loop.call_later(seconds, then)

    def stop(self) -> None:
        """Call it off."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
