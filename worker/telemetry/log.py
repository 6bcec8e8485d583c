"""Configures the log: JSON lines in production, readable lines on a terminal."""

import json
import logging
import re
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, TextIO

import structlog
from pydantic_core import to_json

# user:password in a URL; in JSON no further than to the end of the text that has the URL
_PASSWORD = re.compile(r"(?<=://)[^/\s:@]*:[^/\s]*(?=@)")
_PASSWORD_IN_JSON = re.compile(r'(?<=://)([^/\s:@"\\]|\\.)*:([^/\s"\\]|\\.)*(?=@)')

# Tracebacks without local variables: they may hold settings with passwords.
_TRACEBACKS = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


def set_up_logs(log_format: str, log_level: str, stream: TextIO | None = sys.stderr) -> None:
    """Configure structlog. `log_format`: json, console, or auto: console on a terminal."""
    on_terminal = stream is not None and stream.isatty()  # None: stderr is closed
    readable = log_format == "console" or (log_format == "auto" and on_terminal)
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer(_json)
    if readable:
        renderer = structlog.dev.ConsoleRenderer(
            colors=on_terminal, pad_event_to=12, exception_formatter=structlog.dev.plain_traceback
        )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S.%f" if readable else "iso", utc=not readable),
            structlog.processors.StackInfoRenderer(),
            *([] if readable else [structlog.processors.ExceptionRenderer(_TRACEBACKS)]),
            _order_fields,
            _hide_passwords(renderer, _PASSWORD if readable else _PASSWORD_IN_JSON),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, log_level.upper())),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )


def _hide_passwords(
    render: structlog.typing.Processor, password: re.Pattern[str]
) -> structlog.typing.Processor:
    """Mask passwords in URLs in the finished line, so that lists and tracebacks are covered too."""

    def render_safely(logger: Any, name: str, event: MutableMapping[str, Any]) -> str:
        line = str(render(logger, name, event))
        return password.sub("***", line) if "://" in line else line  # the search alone takes far longer

    return render_safely


def _json(event: MutableMapping[str, Any], default: Callable[[Any], Any]) -> str:
    """Write a line far faster than `json` does, which takes what is not valid Unicode too."""
    try:
        return to_json(event, ensure_ascii=True, fallback=default).decode()
    except ValueError:
        return json.dumps(event, default=default)


def _order_fields(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put time, level and event first, and drop fields that are None."""
    first = {name: event.pop(name) for name in ("timestamp", "level", "event") if name in event}
    return first | {name: value for name, value in event.items() if value is not None}
