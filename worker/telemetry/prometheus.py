"""Serves the metrics to Prometheus over HTTP, from a thread of the client library."""

from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, start_http_server

from worker.errors import ConfigurationError
from worker.telemetry import metrics
from worker.telemetry.metrics import COUNTERS, DISTRIBUTIONS, DOOR_COUNTERS, DOOR_DISTRIBUTIONS

PREFIX = "photo_score_"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 30, 60, 300)
CLIENT_TIMEOUT = 10.0  # seconds
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
HELP = {  # of the families whose metrics differ in their labels
    "photos": "Photos that the worker is done with, by outcome: what became of each.",
    "objective": "Results written, by result: within the objective (met), or later (missed).",
    "duplicates": "Photos that are duplicates of an earlier one, by kind: its bytes (exact), or its look (near).",
    "batches_closed": "Batches of photos given to the models, by why each was closed.",
    "photos_by_way": "Photos taken into work, by way: from the queue, or by HTTP.",
    "connections_closed": "HTTP connections that the door closed, by why: to make room, or for their silence.",
    "refusals": "HTTP requests that the door answered with an error, by code and status.",
    "latency": "Seconds that a photo took, by step of its way; total is all of them but receive.",
    "queue_depth": "Photos that wait inside the worker now, by queue: what they wait for.",
}

Family = TypeVar("Family", Counter, Gauge)
Row = metrics.Counter | metrics.Distribution


class PrometheusMetrics:
    """A sink that keeps the figures until Prometheus scrapes them. Thread-safe."""

    def __init__(self, port: int = 0) -> None:
        """Listen on all addresses; on port 0, not at all. Raises ConfigurationError when the port is in use."""
        self._registry = registry = CollectorRegistry()
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        self._gauges: dict[str, Gauge] = {}
        self._register_counters(registry)
        self._register_distributions(registry)
        if port:
            self._listen(port)

    def text(self) -> bytes:
        """Give all figures in Prometheus's text format."""
        return generate_latest(self._registry)

    def _listen(self, port: int) -> None:
        try:
            server, _ = start_http_server(port, registry=self._registry)
        except OSError as error:
            raise ConfigurationError(f"WORKER_METRICS_PORT: cannot listen on {port}: {error}") from None
        _leave_silent_clients(server)

    def count(self, name: str, by: int) -> None:
        """Add to a count; ignore names that are no metric."""
        counter = self._counters.get(name)
        if counter is not None:
            counter.inc(by)

    def observe(self, name: str, value: float) -> None:
        """Record one value; ignore names that are no metric."""
        if name in self._gauges:
            self._gauges[name].set(value)
        elif name in self._histograms:
            seconds = name.startswith("latency_")
            self._histograms[name].observe(value / 1000 if seconds else value)

    def flush(self, *, last: bool) -> None:
        """Nothing to do: Prometheus scrapes."""

    def _register_counters(self, registry: CollectorRegistry) -> None:
        families: dict[str, Counter] = {}
        for one in (*COUNTERS, *DOOR_COUNTERS):
            self._counters |= dict.fromkeys(one.counts, _child(Counter, one, families, registry))

    def _register_distributions(self, registry: CollectorRegistry) -> None:
        gauges: dict[str, Gauge] = {}
        latency = Histogram(
            f"{PREFIX}latency_seconds", HELP["latency"], ["step"], registry=registry, buckets=SECONDS
        )
        for one in (*DISTRIBUTIONS, *DOOR_DISTRIBUTIONS):
            if one.gauge:
                self._gauges[one.source] = _child(Gauge, one, gauges, registry)
            elif one.family == "latency":
                self._histograms[one.source] = latency.labels(**one.labels)
            else:
                self._histograms[one.source] = Histogram(
                    PREFIX + one.family, one.doc, registry=registry, buckets=SIZES
                )


def _child(kind: type[Family], one: Row, families: dict[str, Family], registry: CollectorRegistry) -> Family:
    """Return the child of a row of the table. Rows of one family differ in their labels."""
    if one.family not in families:
        doc = HELP[one.family] if one.labels else one.doc
        families[one.family] = kind(PREFIX + one.family, doc, list(one.labels), registry=registry)
    family = families[one.family]
    return family.labels(**one.labels) if one.labels else family


def _leave_silent_clients(server: Any) -> None:
    """Let no client that says nothing keep a thread for ever, and none that leaves fill the log."""
    server.RequestHandlerClass.timeout = CLIENT_TIMEOUT
    server.handle_error = lambda *_: None
