"""Logs, and the one place where counts are kept: JSON lines in production, readable ones on a terminal."""

import logging
import re
import sys
import threading
from collections import Counter
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Protocol, TextIO

import structlog

_PASSWORD = re.compile(r"(?<=://)[^/\s:@]*:[^/\s]*(?=@)")  # user:password in a URL, up to its last @

# Tracebacks without local variables: they may hold settings with passwords.
_TRACEBACKS = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


def set_up_logs(log_format: str, log_level: str, stream: TextIO = sys.stderr) -> None:
    """Configure structlog for the process. `log_format` is auto, json or console; auto asks the stream."""
    readable = log_format == "console" or (log_format == "auto" and stream.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), pad_event_to=12, exception_formatter=structlog.dev.plain_traceback
        )
        if readable
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso" if not readable else "%H:%M:%S.%f", utc=not readable),
            structlog.processors.StackInfoRenderer(),
            *([] if readable else [structlog.processors.ExceptionRenderer(_TRACEBACKS)]),
            _in_reading_order,
            _without_passwords(renderer),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, log_level.upper())),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )


def _without_passwords(render: structlog.typing.Processor) -> structlog.typing.Processor:
    """Last guard: no URL in any line shows a password, wherever it came from (a list, a traceback)."""
    return lambda logger, name, event: _PASSWORD.sub("***", str(render(logger, name, event)))


def _in_reading_order(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """When, how grave and what come first, nothing is shown as null."""
    first = {name: event.pop(name) for name in ("timestamp", "level", "event") if name in event}
    return first | {name: value for name, value in event.items() if value is not None}


class Sink(Protocol):
    """Where figures go besides the log, by the names of metrics.py; thread-safe, quick, and never raises."""

    def count(self, name: str, by: int) -> None:
        """Add to a count."""
        ...

    def observe(self, name: str, value: float) -> None:
        """Note one value, of latencies in milliseconds."""
        ...

    def flush(self, *, last: bool) -> None:
        """Send on what is due; all of it, the `last` time."""
        ...


class Telemetry:
    """Counts and log lines of the worker's events, and the same figures to the `sinks`; thread-safe."""

    def __init__(self, sinks: Sequence[Sink] = ()) -> None:
        self._log = structlog.get_logger()
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._sinks = tuple(sinks)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a count."""
        with self._lock:
            self._counts[name] += by
        for sink in self._sinks:
            sink.count(name, by)

    def observe(self, name: str, value: float) -> None:
        """Note one value of a distribution; the log has none of it."""
        for sink in self._sinks:
            sink.observe(name, value)

    def flush(self, *, last: bool = False) -> None:
        """Let the sinks send on what is due: to be called every second or so, and at the end."""
        for sink in self._sinks:
            sink.flush(last=last)

    @property
    def counts(self) -> dict[str, int]:
        """A copy of all counts so far."""
        with self._lock:
            return dict(self._counts)

    def photo(
        self, status: str, *, image_id: str, timings_ms: Mapping[str, float], **details: object
    ) -> None:
        """One line per photo: its id, what became of it, and where its time went."""
        self.count(f"photos_{status}")
        if status != "already_scored":  # nobody waited for those
            for step, ms in timings_ms.items():
                self.observe(f"latency_{step}", ms)
        ledger = {step: round(ms, 1) for step, ms in timings_ms.items()}
        self._log.info(status, image_id=image_id, **details, timings_ms=ledger)

    def batch(self, size: int, closed: str) -> None:
        """One batch, and why it took no more photos: `full`, `device_free` or `deadline`."""
        for name, by in (("batches", 1), (f"batches_closed_{closed}", 1), ("batched_photos", size)):
            self.count(name, by)
        self.observe("batch_size", size)
        self._log.debug("batch", size=size, closed=closed)

    def objective(self, met: bool, slowest: str) -> None:
        """Whether a photo was scored in time, else which step took the most of it."""
        self.count("objective_met" if met else "objective_missed")
        if not met:
            self.count(f"objective_missed_by_{slowest}")

    def received(self, messages: int, seconds: float, again: int = 0) -> None:
        """One receive: how many messages it brought, `again` of them not for the first time, and how long it waited."""
        self.count("receives")
        self.count("messages_received", messages)
        self.count("redeliveries", again)
        self._log.debug("received", messages=messages, seconds=round(seconds, 3))

    def event(self, name: str, **details: object) -> None:
        """Something ordinary happened."""
        self.count(name)
        self._log.info(name, **details)

    def warn(self, name: str, **details: object) -> None:
        """Something happened that somebody should look at."""
        self.count(name)
        self._log.warning(name, **details)

    def fail(self, name: str, error: BaseException | None = None, **details: object) -> None:
        """The worker ends for this."""
        self.count(name)
        self._log.error(name, **details, **({"exc_info": error} if error else {}))
