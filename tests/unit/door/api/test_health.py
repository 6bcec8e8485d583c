"""What load balancers and Prometheus are told, in each phase of the door."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette

from tests.support.fakes import ManualClock
from worker.door.api.health import FRESH, Health
from worker.door.gate import Gate
from worker.telemetry.counters import Telemetry
from worker.telemetry.prometheus import PrometheusMetrics


class Observed:
    """The pages of a gate and some telemetry."""

    def __init__(self, *, linger: float = 5.0, has_metrics: bool = True) -> None:
        self.clock = ManualClock()
        self.gate = Gate(linger, self.clock)
        self.telemetry = Telemetry([PrometheusMetrics()] if has_metrics else [])
        self._app = Starlette(routes=Health(self.gate, self.telemetry, self.clock).routes)

    def ask(self, path: str, method: str = "GET") -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
                return await client.request(method, path)

        return asyncio.run(ask())


def test_it_lives_in_each_phase_and_is_ready_only_while_it_is_open() -> None:
    door = Observed(linger=5)
    seen = list[tuple[int, str]]()

    def look() -> None:
        assert door.ask("/livez").status_code == 200
        answer = door.ask("/readyz")
        seen.append((answer.status_code, answer.text))

    look()
    door.gate.open()
    look()
    door.gate.close()
    look()
    door.clock.seconds += 5
    look()
    assert seen == [(503, "starting"), (200, "open"), (503, "lingering"), (503, "closed")]


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_a_load_balancer_may_ask_by_head_and_nobody_by_post(path: str) -> None:
    door = Observed()
    door.gate.open()
    head = door.ask(path, "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert door.ask(path, "POST").status_code == 405


def test_the_figures_are_those_of_prometheus_and_at_most_a_second_old() -> None:
    door = Observed()
    door.telemetry.count("photos_scored")
    first = door.ask("/metrics")
    assert 'photo_score_photos_total{outcome="scored"} 1.0' in first.text
    assert first.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    door.telemetry.count("photos_scored")
    door.clock.seconds += FRESH / 2
    assert door.ask("/metrics").text == first.text, "so that strangers cannot keep the loop busy with it"
    door.clock.seconds += FRESH / 2
    assert 'photo_score_photos_total{outcome="scored"} 2.0' in door.ask("/metrics").text


def test_without_metrics_there_is_no_page_of_them() -> None:
    assert Observed(has_metrics=False).ask("/metrics").status_code == 404
