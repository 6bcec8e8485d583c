"""Sends a span for each photo and for each step of its ledger, by OTLP over HTTP (the extra `otel`).

They are made when the photo is reported, from the times in its ledger. The SDK's own thread sends them and
drops what it cannot send: no stage waits for it. It reads its settings (`OTEL_…`) from the environment.
"""

import logging
import threading
import time
from collections.abc import Callable

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags

import worker
from worker.errors import ConfigurationError
from worker.telemetry import trace_context
from worker.telemetry.counters import Reported

CLOSE_TIMEOUT = 0.5  # seconds that the last spans get at a stop
QUIET = 60.0  # seconds until trouble is told of again
LIBRARY = "opentelemetry"  # its logger

Warn = Callable[..., None]


class Spans:
    """Makes and sends the spans. Thread-safe; never blocks."""

    def __init__(
        self,
        service: str,
        warn: Warn,
        clock: Callable[[], float] = time.monotonic,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`service`: name in the traces, unless the environment has another one. `warn`: as Telemetry.warn.

        Raises ConfigurationError for a variable that the SDK cannot read.
        """
        self._clock, self._now_ns = clock, now_ns
        self._trouble = _Trouble(warn, clock)
        self._trouble.listen()  # to what it says of its variables, too
        own = OTELResourceDetector().detect().attributes
        resource = Resource.create({SERVICE_NAME: own.get(SERVICE_NAME, service)})
        try:
            self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
            self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        except ValueError as error:
            self._trouble.leave()
            raise ConfigurationError(f"a variable OTEL_… cannot be read: {error}") from None
        self._tracer = self._provider.get_tracer("photo-score-worker", worker.__version__)

    def photo(self, photo: Reported) -> None:
        """Make the spans of a photo: one for all of it, and in it one for each step that took any time."""
        end = self._now_ns() - _nanoseconds(self._clock() - photo.ended)
        steps = {
            step: _nanoseconds(ms / 1000) for step, ms in photo.ledger.items() if step != "total" and ms > 0
        }
        begin = end - sum(steps.values())
        whole = self._tracer.start_span(
            "photo",
            _parent(photo.trace.get("traceparent", "")),
            SpanKind.SERVER if photo.way == "http" else SpanKind.CONSUMER,
            _attributes(photo),
            start_time=begin,
        )
        if whole.is_recording():
            inside, at = trace.set_span_in_context(whole, context.Context()), begin
            for step, took in steps.items():
                self._tracer.start_span(step, inside, start_time=at).end(at + took)
                at += took
            if photo.is_undone:
                whole.set_status(StatusCode.ERROR, photo.code)
            whole.end(end)

    def flush(self) -> bool:
        """Send what there is, and wait for it. Only for tests and tools: a receiver may hang."""
        return self._provider.force_flush()

    def close(self) -> None:
        """Send what is left, for half a second at most."""
        closing = threading.Thread(target=self._provider.shutdown, name="spans-end", daemon=True)
        closing.start()
        closing.join(CLOSE_TIMEOUT)
        self._trouble.leave()


class _Trouble(logging.Handler):
    """Lets the library complain in our log: at most once a minute, in one line."""

    def __init__(self, warn: Warn, clock: Callable[[], float]) -> None:
        super().__init__(logging.WARNING)
        self._warn, self._clock = warn, clock
        self._told_at: float | None = None
        self._untold = 0

    def listen(self) -> None:
        logging.getLogger(LIBRARY).addHandler(self)

    def leave(self) -> None:
        """Stop listening. A thread that still tries to send says no more."""
        logger = logging.getLogger(LIBRARY)
        logger.addHandler(logging.NullHandler())
        logger.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        now = self._clock()
        if self._told_at is not None and now - self._told_at < QUIET:
            self._untold += 1
            return
        untold, self._untold, self._told_at = self._untold, 0, now
        self._warn("spans_trouble", reason=record.getMessage(), more=untold or None)


def _parent(traceparent: str) -> context.Context:
    """The context of somebody else's span, or none, in which a trace begins."""
    parent = trace_context.parse(traceparent)
    if parent is None:
        return context.Context()
    span = SpanContext(
        int(parent.trace_id, 16),
        int(parent.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED if parent.is_sampled else TraceFlags.DEFAULT),
    )
    return trace.set_span_in_context(NonRecordingSpan(span), context.Context())


def _attributes(photo: Reported) -> dict[str, str]:
    named = {
        "photo.image_id": photo.image_id,
        "photo.status": photo.status,
        "photo.way": photo.way,
        "photo.code": photo.code,
        "http.request.header.x-request-id": photo.trace.get("request_id"),
    }
    return {name: value for name, value in named.items() if value}


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1_000_000_000)
