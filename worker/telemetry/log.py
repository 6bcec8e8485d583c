"""Set up the log: JSON lines in production, readable ones on a terminal."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

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
