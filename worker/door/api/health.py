"""GET /livez, /readyz and /metrics: for load balancers, people and Prometheus. They need no token."""

from collections.abc import Callable
from functools import partial

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from worker.door.gate import Gate
from worker.telemetry.counters import Telemetry
from worker.telemetry.prometheus import PrometheusMetrics

FRESH = 1.0  # seconds that the page of metrics serves: writing it takes the loop milliseconds


class Health:
    """Whether the process lives, whether it takes photos, and its figures."""

    def __init__(self, gate: Gate, telemetry: Telemetry, clock: Callable[[], float]) -> None:
        self._gate = gate
        self._clock = clock
        self._page = b""
        self._written_at = float("-inf")
        self.routes = [Route("/livez", self._live), Route("/readyz", self._ready)]
        metrics = telemetry.sink(PrometheusMetrics)
        self.has_figures = metrics is not None
        if metrics:
            self.routes.append(Route("/metrics", partial(self._figures, metrics)))

    async def _live(self, _request: Request) -> Response:
        """Answer as long as the loop runs. A worker that waits for Redis or S3 lives."""
        return PlainTextResponse("alive")

    async def _ready(self, _request: Request) -> Response:
        """Answer 200 while photos should be sent here: not while it starts or stops.

        Redis does not matter: a load balancer that finds no ready target sends to all of them.
        """
        return PlainTextResponse(self._gate.phase.value, 200 if self._gate.is_ready else 503)

    async def _figures(self, metrics: PrometheusMetrics, _request: Request) -> Response:
        """Give all metrics, at most a second old."""
        now = self._clock()
        if now - self._written_at >= FRESH:
            self._page, self._written_at = metrics.text(), now
        return Response(self._page, media_type=CONTENT_TYPE_PLAIN_0_0_4)
