"""The arithmetic of the latency measurements, and how photos are sent."""

import itertools
import json
import statistics
import threading
import time

import pytest

from bench.latency import arrivals, summary
from bench.latency.notifier import Notifier, notification
from bench.latency.sending import at_moments, by_crew
from bench.processes import BenchError
from tests.support.fakes import START
from worker.intake import events
from worker.intake.events import Announced
from worker.messages import S3Object

STORED = S3Object("photos", "uploads/red flower+1.jpg", etag="abc", size=7)


def test_delays_of_notifications_have_the_published_quantiles() -> None:
    delays = arrivals.notification_delays(100_000, seed=1)
    cuts = statistics.quantiles(delays, n=100)
    for share, published in arrivals.PUBLISHED_CUTS.items():
        assert cuts[round(share * 100) - 1] == pytest.approx(published, rel=0.015)
    under_one = sum(delay < 1 for delay in delays) / len(delays)
    assert under_one == pytest.approx(arrivals.PUBLISHED_UNDER_ONE, abs=0.005)
    assert min(delays) >= 0


def test_the_same_seed_gives_the_same_schedule_and_delays() -> None:
    assert (
        arrivals.poisson(20, 10, seed=1)
        == arrivals.poisson(20, 10, seed=1)
        != arrivals.poisson(20, 10, seed=2)
    )
    first, second = (arrivals.notification_delays(20, seed) for seed in (1, 2))
    assert first == arrivals.notification_delays(20, 1) != second


def test_arrivals_are_a_poisson_process() -> None:
    moments = arrivals.poisson(50, 400, seed=1)
    gaps = [after - before for before, after in itertools.pairwise(moments)]
    assert moments == sorted(moments)
    assert moments[-1] < 400
    assert len(moments) == pytest.approx(50 * 400, rel=0.03)
    # Exponential gaps have equal mean and deviation.
    assert statistics.stdev(gaps) == pytest.approx(statistics.fmean(gaps), rel=0.03)


def test_a_summary_has_percentiles_and_the_share_under_a_second() -> None:
    of_101 = summary.summary([n / 50 for n in range(101)])
    assert of_101["p50_ms"] == pytest.approx(1000)
    assert of_101["p90_ms"] == pytest.approx(1800)
    assert of_101["p99_ms"] == pytest.approx(1980)
    assert of_101["under_1s"] == pytest.approx(50 / 101)
    assert (of_101["mean_ms"], of_101["most_ms"]) == pytest.approx((1000, 2000))


def test_a_single_latency_is_all_its_percentiles() -> None:
    assert summary.summary([0.25]) == pytest.approx(
        {"p50_ms": 250, "p90_ms": 250, "p99_ms": 250, "mean_ms": 250, "most_ms": 250, "under_1s": 1.0}
    )


def test_the_mean_steps_add_up_to_the_mean_seen() -> None:
    ledgers = [{"notify": 1.0, "infer": 10.0, "total": 11.0}, {"notify": 3.0, "infer": 40.0, "total": 43.0}]
    steps = summary.mean_steps(ledgers, [20.0, 50.0])
    assert steps == {"put": 8.0, "notify": 2.0, "infer": 25.0}
    assert sum(steps.values()) == 35.0


def test_photos_are_sent_on_time_even_if_an_earlier_send_hangs() -> None:
    others = threading.Barrier(3)  # none of three sends ends before all have begun
    due, begun = at_moments([0.0, 0.01, 0.02], lambda _: others.wait(timeout=10))
    assert [round(then - due[0], 6) for then in due] == [0.0, 0.01, 0.02]
    assert all(then >= moment for then, moment in zip(begun, due, strict=True))


def test_a_crew_sends_each_photo_once() -> None:
    sent, lock = list[int](), threading.Lock()

    def send(number: int) -> None:
        with lock:
            sent.append(number)

    assert len(by_crew(4, lambda number: number < 100, send)) == 100
    assert sorted(sent) == list(range(100))


def test_a_crew_returns_the_numbers_that_it_sent_even_with_gaps() -> None:
    later = threading.Event()

    def may_send(number: int) -> bool:
        return number == 1 or (number == 0 and not later.wait(10))

    assert list(by_crew(2, may_send, lambda _: later.set())) == [1]


def test_a_send_that_fails_ends_the_crew() -> None:
    def send(number: int) -> None:
        if number == 20:
            raise ConnectionError("no S3")

    with pytest.raises(ConnectionError, match="no S3"):
        by_crew(4, lambda _: True, send)


def test_the_body_sent_for_s3_announces_the_object() -> None:
    assert events.read(notification(STORED, START)) == [Announced(STORED, START)]


def test_a_notifier_sends_bodies_in_order_and_all_before_it_ends() -> None:
    sent: list[str] = []
    with Notifier(sent.append) as notifier:
        now = time.monotonic()
        for after, body in ((0.05, "last"), (0.0, "first"), (0.02, "middle")):
            notifier.at(now + after, json.dumps(body))
    assert [json.loads(body) for body in sent] == ["first", "middle", "last"]


def test_a_notification_that_cannot_be_sent_ends_the_measurement() -> None:
    def send(_: str) -> None:
        raise ConnectionError("no SQS")

    with pytest.raises(BenchError, match="no SQS"), Notifier(send) as notifier:
        notifier.at(time.monotonic(), "{}")


def test_an_interrupted_measurement_drops_later_notifications() -> None:
    sent: list[str] = []

    def stop_early() -> None:
        with Notifier(sent.append) as notifier:
            notifier.at(time.monotonic() + 3600, "{}")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_early()
    assert sent == []
