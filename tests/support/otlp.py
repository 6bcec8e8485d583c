"""Receives spans by OTLP over HTTP, as a collector does, and decodes them with OpenTelemetry's own protobuf."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.support.http_server import Request, Response, serve

__all__ = ["Receiver", "Span", "Status", "attributes", "receive"]


@dataclass
class Receiver:
    """What came so far. `status` is what it answers; `answers` may be cleared to let every request hang."""

    url: str = ""
    status: int = 200
    spans: list[Span] = field(default_factory=list)
    services: set[str] = field(default_factory=set)
    requests: int = 0
    answers: threading.Event = field(default_factory=threading.Event)

    def take(self, request: Request) -> Response:
        self.requests += 1
        self.answers.wait(20)
        assert request.path == "/v1/traces"
        types = [value for name, value in request.headers.items() if name.lower() == "content-type"]
        assert types == ["application/x-protobuf"]
        if self.status == 200:
            for resource in ExportTraceServiceRequest.FromString(request.body).resource_spans:
                own = {one.key: one.value.string_value for one in resource.resource.attributes}
                self.services.add(own["service.name"])
                self.spans += [span for scope in resource.scope_spans for span in scope.spans]
        return self.status, {}, ExportTraceServiceResponse().SerializeToString()

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    def steps(self, photo: Span) -> list[Span]:
        """The spans in a photo's span, in their order."""
        inside = [span for span in self.spans if span.parent_span_id == photo.span_id]
        return sorted(inside, key=lambda span: span.start_time_unix_nano)


def attributes(span: Span) -> dict[str, str]:
    return {one.key: one.value.string_value for one in span.attributes}


@contextmanager
def receive(set_variable: Callable[[str, str], None] = lambda *_: None) -> Iterator[Receiver]:
    """Run a receiver. `set_variable` is told where it is, by OpenTelemetry's own variable."""
    receiver = Receiver()
    receiver.answers.set()
    with serve(receiver.take) as receiver.url:
        set_variable("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        try:
            yield receiver
        finally:
            receiver.answers.set()
