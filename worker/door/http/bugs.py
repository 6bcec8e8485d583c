"""Tells of errors in the server's loop and in its app. Strangers may be able to repeat one: not each time."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from worker.telemetry.counters import Telemetry

TOLD_ONCE = 60.0  # seconds between two log lines


class Bugs(logging.Handler):
    """What uvicorn logs, and what the loop reports, come here. Used by one loop alone."""

    def __init__(self, telemetry: Telemetry, clock: Callable[[], float]) -> None:
        super().__init__()
        self._telemetry = telemetry
        self._clock = clock
        self._told_at = float("-inf")

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hear of all errors from now on."""
        loop.set_exception_handler(lambda _, context: self.tell(**context))
        log = logging.getLogger("uvicorn.error")
        log.handlers, log.propagate = [self], False

    def emit(self, record: logging.LogRecord) -> None:
        """Pass an error of the app on. What a stop has cut off is no error."""
        exception = record.exc_info[1] if record.exc_info else None
        if not isinstance(exception, asyncio.CancelledError):
            self.tell(record.getMessage(), exception)

    def tell(self, message: str, exception: BaseException | None = None, **_: Any) -> None:
        """Log one, or only count it."""
        now = self._clock()
        if now - self._told_at < TOLD_ONCE:
            self._telemetry.count("door_error")
            return
        self._told_at = now
        self._telemetry.warn("door_error", reason=message, exc_info=exception)
