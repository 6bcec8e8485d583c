"""Metrics: every value reaches CloudWatch and Prometheus once, in the right format."""

import io
import socket
import urllib.request

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from localstack.services import free_port
from tests.support import emf
from tests.support.fakes import ManualClock
from worker import settings
from worker.commands import run
from worker.errors import ConfigurationError
from worker.telemetry import prometheus
from worker.telemetry.counters import Telemetry
from worker.telemetry.emf import EmbeddedMetrics
from worker.telemetry.metrics import COUNTERS, DISTRIBUTIONS, DOOR_COUNTERS, DOOR_DISTRIBUTIONS
from worker.telemetry.prometheus import PrometheusMetrics

REQUIRED = {
    "WORKER_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/111122223333/photos",
    "WORKER_BUCKETS": "photos",
    "WORKER_REDIS_URL": "redis://localhost:6379/0",
}


class Lines(io.StringIO):
    """Where lines are written at once."""

    drain = io.StringIO.flush


def make_sink(stream: Lines, clock: ManualClock) -> EmbeddedMetrics:
    return EmbeddedMetrics(
        stream, namespace="PhotoScore", service="meals", interval=15, clock=clock, now=lambda: 1_700_000_000.5
    )


def lines(stream: Lines) -> list[str]:
    return stream.getvalue().splitlines()


def test_a_line_has_every_counter_zeros_included() -> None:
    stream, clock = Lines(), ManualClock()
    telemetry = Telemetry([make_sink(stream, clock)])
    telemetry.batch(3, "full")
    clock.seconds += 15
    telemetry.flush()
    (line,) = lines(stream)
    document = emf.check(line)
    assert document["Service"] == "meals"
    assert document["_aws"]["Timestamp"] == 1_700_000_000_500
    assert document["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Service"]]
    counters = {one.name: document[one.name] for one in COUNTERS}
    assert {name: n for name, n in counters.items() if n} == {
        "Batches": 1,
        "BatchesClosedFull": 1,
        "BatchedPhotos": 3,
    }
    assert document["BatchSize"] == [3]
    assert "LatencyTotal" not in document, "no value, no metric"


def test_nothing_is_written_before_the_interval_unless_a_line_is_full() -> None:
    stream, clock = Lines(), ManualClock()
    sink = make_sink(stream, clock)
    for _ in range(99):
        sink.observe("batch_size", 1)
    sink.count("batches", 99)
    sink.flush(last=False)
    assert lines(stream) == []
    sink.observe("batch_size", 2)
    sink.flush(last=False)
    assert emf.values(lines(stream)) == {"BatchSize": [1.0] * 99 + [2.0]}
    clock.seconds += 15
    sink.flush(last=False)
    assert emf.values(lines(stream))["Batches"] == [99], "counters wait for the interval"


def test_the_last_flush_writes_everything() -> None:
    stream = Lines()
    sink = make_sink(stream, ManualClock())
    sink.observe("latency_total", 12.3456)
    sink.flush(last=True)
    assert emf.values(lines(stream))["LatencyTotal"] == [12.35]


def test_a_full_line_fits_into_one_event_of_every_log_driver() -> None:
    """Some log drivers split lines over 16 KiB, and CloudWatch finds no metrics in the pieces."""
    stream, clock = Lines(), ManualClock()
    sink = make_sink(stream, clock)
    for counter in COUNTERS:
        sink.count(counter.counts[0], 10_000_000)
    for one in DISTRIBUTIONS:
        late = one.source in {"latency_notify", "latency_queue", "latency_total"}  # a day
        for _ in range(100):
            sink.observe(one.source, 86_400_000.25 if late else 1_234.56)
    clock.seconds += 15
    sink.flush(last=False)
    (line,) = lines(stream)
    assert len(line.encode()) < 16 * 1024


counts = st.sampled_from([one.counts[0] for one in COUNTERS])
values = st.sampled_from([one.source for one in DISTRIBUTIONS])
actions = st.one_of(
    st.tuples(st.just("count"), counts, st.integers(0, 500)),
    st.tuples(st.just("observe one"), values, st.integers(0, 60_000)),
    st.tuples(st.just("observe many"), values, st.integers(1, 450)),
    st.tuples(st.just("wait"), st.just(""), st.integers(1, 20)),
)


@given(st.lists(actions, max_size=60))
def test_every_count_and_every_value_is_written_once(performed: list[tuple[str, str, int]]) -> None:
    stream, clock = Lines(), ManualClock()
    sink = make_sink(stream, clock)
    counted = dict.fromkeys((one.name for one in COUNTERS), 0)
    observed: dict[str, list[float]] = {one.name: [] for one in DISTRIBUTIONS}
    counters = {one.counts[0]: one.name for one in COUNTERS}
    distributions = {one.source: one.name for one in DISTRIBUTIONS}
    for action, name, number in performed:
        if action == "count":
            sink.count(name, number)
            counted[counters[name]] += number
        elif action == "wait":
            clock.seconds += number
        else:
            for value in [number] if action == "observe one" else range(number):
                sink.observe(name, value)
                observed[distributions[name]].append(value)
        sink.flush(last=False)
    sink.flush(last=True)
    written = emf.values(lines(stream))
    assert {name: sum(written[name]) for name in counted} == counted
    assert {name: written[name] for name in observed} == observed


@pytest.mark.parametrize(
    "broken",
    [
        '{"Service":"meals"}',
        '{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"","Dimensions":[["S"]],"Metrics":[{"Name":"A"}]}]},"A":1,"S":"x"}',
        '{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[["S"]],"Metrics":[{"Name":"A","Unit":"ms"}]}]},"A":1,"S":"x"}',
        '{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[["S"]],"Metrics":[{"Name":"A"}]}]},"A":[],"S":"x"}',
    ],
    ids=["no directive", "no namespace", "unknown unit", "no value"],
)
def test_the_schema_rejects_lines_that_cloudwatch_rejects(broken: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        emf.check(broken)


def test_metric_names_are_unique_and_fit_into_one_line() -> None:
    names = [one.name for one in COUNTERS] + [one.name for one in DISTRIBUTIONS]
    assert len(set(names)) == len(names)
    assert len(names) <= 100, "a line cannot hold more"


def test_a_late_photo_is_a_missed_objective_of_its_slowest_step() -> None:
    stream = Lines()
    telemetry = Telemetry([make_sink(stream, ManualClock())])
    telemetry.objective(True, "queue")
    telemetry.objective(False, "queue")
    telemetry.flush(last=True)
    written = emf.values(lines(stream))
    assert (written["ObjectiveMet"], written["ObjectiveMissed"]) == ([1], [1])
    assert telemetry.counts["objective_missed_by_queue"] == 1


def test_a_photo_scored_before_has_no_latency() -> None:
    stream = Lines()
    telemetry = Telemetry([make_sink(stream, ManualClock())])
    telemetry.photo("already_scored", image_id="a", timings_ms={"total": 9_000.0})
    telemetry.photo("scored", image_id="b", timings_ms={"total": 80.0})
    telemetry.flush(last=True)
    written = emf.values(lines(stream))
    assert written["LatencyTotal"] == [80.0]
    assert (written["PhotosAlreadyScored"], written["PhotosScored"]) == ([1], [1])


# Prometheus


def scrape(port: int) -> dict[str, float]:
    """Read the metrics as Prometheus does: `name{labels}` → value."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {
        sample.name
        + "".join(f"{{{name}={value}}}" for name, value in sorted(sample.labels.items())): sample.value
        for sample in samples
    }


def test_prometheus_gets_the_same_figures() -> None:
    port = free_port()
    telemetry = Telemetry([PrometheusMetrics(port)])
    telemetry.photo("scored", image_id="a", timings_ms={"infer": 20.0, "total": 900.0})
    telemetry.batch(5, "device_free")
    telemetry.objective(True, "infer")
    telemetry.observe("in_flight", 7)
    telemetry.observe("in_flight", 4)
    telemetry.flush()
    found = scrape(port)
    assert found["photo_score_photos_total{outcome=scored}"] == 1
    assert found["photo_score_photos_total{outcome=failed}"] == 0
    assert found["photo_score_batches_closed_total{why=device_free}"] == 1
    assert found["photo_score_objective_total{result=met}"] == 1
    assert found["photo_score_latency_seconds_sum{step=infer}"] == pytest.approx(0.02)
    assert found["photo_score_latency_seconds_bucket{le=0.75}{step=total}"] == 0
    assert found["photo_score_latency_seconds_bucket{le=1.0}{step=total}"] == 1
    assert found["photo_score_batch_size_sum"] == 5
    assert found["photo_score_in_flight"] == 4


def test_a_client_that_says_nothing_keeps_no_thread(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(prometheus, "CLIENT_TIMEOUT", 0.1)
    port = free_port()
    PrometheusMetrics(port)
    with socket.create_connection(("127.0.0.1", port)) as silent:
        silent.settimeout(10)
        assert silent.recv(1) == b""  # it hangs up
    assert scrape(port)
    assert capfd.readouterr().err == ""


def test_a_port_in_use_is_a_configuration_error() -> None:
    port = free_port()
    PrometheusMetrics(port)
    with pytest.raises(ConfigurationError, match=f"cannot listen on {port}"):
        PrometheusMetrics(port)


# Which sinks


@pytest.mark.parametrize(
    ("variables", "environment", "kinds"),
    [
        ({}, {}, []),
        ({}, {run.IN_ECS: "http://169.254.170.2/v4/0123"}, [EmbeddedMetrics]),
        ({"WORKER_METRICS": "none"}, {run.IN_ECS: "http://169.254.170.2/v4/0123"}, []),
        ({"WORKER_METRICS": "emf"}, {}, [EmbeddedMetrics]),
    ],
    ids=["outside ECS", "in an ECS task", "switched off", "switched on"],
)
def test_settings_and_environment_choose_the_sinks(
    variables: dict[str, str], environment: dict[str, str], kinds: list[type]
) -> None:
    found = run.open_sinks(settings.load({**REQUIRED, **variables}), environment)
    assert [type(sink) for sink in found] == kinds


def test_emf_on_a_closed_stdout_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    assert not run.open_sinks(settings.load(REQUIRED), {})
    with pytest.raises(ConfigurationError, match="stdout is closed"):
        run.open_sinks(settings.load({**REQUIRED, "WORKER_METRICS": "emf"}), {})


# With the door


def make_door_sink(stream: Lines, clock: ManualClock) -> EmbeddedMetrics:
    return EmbeddedMetrics(
        stream,
        namespace="PhotoScore",
        service="meals",
        interval=15,
        clock=clock,
        now=lambda: 1_700_000_000.5,
        has_door=True,
    )


def test_only_a_worker_with_a_door_tells_cloudwatch_of_it() -> None:
    for make, has_door in ((make_sink, False), (make_door_sink, True)):
        stream = Lines()
        telemetry = Telemetry([make(stream, ManualClock())])
        telemetry.refuse("too_many_requests")
        telemetry.refuse("too_many_requests")
        telemetry.count("photos_by_http")
        telemetry.photo("scored", image_id="a", timings_ms={"receive": 812.5, "total": 80.0})
        telemetry.observe("depth_door", 3)
        telemetry.flush(last=True)
        written = emf.values(lines(stream))
        doors = {one.name for one in DOOR_COUNTERS} | {one.name for one in DOOR_DISTRIBUTIONS}
        assert bool(written.keys() & doors) == has_door
        if has_door:
            assert written["RefusalsTooManyRequests"] == [2]
            assert written["PhotosByWayQueue"] == [0], "zeros included"
            assert "RefusalsStopping" not in written, "but not for each of so many codes"
            assert written["PhotosByWayHttp"] == [1]
            assert written["LatencyReceive"] == [812.5]
            assert written["DepthDoor"] == [3]
            assert "DepthReady" not in written


def test_of_a_depth_each_interval_has_the_highest_value_once() -> None:
    stream, clock = Lines(), ManualClock()
    sink = make_door_sink(stream, clock)
    for depth in (0, 7, 2):
        sink.observe("depth_uploads", depth)
    for _ in range(100):
        sink.observe("batch_size", 1)
    sink.flush(last=False)
    assert "DepthUploads" not in emf.values(lines(stream)), "a full line is not the end of the interval"
    clock.seconds += 15
    sink.flush(last=False)
    sink.observe("depth_uploads", 0)
    sink.flush(last=True)
    assert emf.values(lines(stream))["DepthUploads"] == [7, 0]


def test_a_full_line_of_a_worker_with_a_door_fits_into_one_event_too() -> None:
    stream, clock = Lines(), ManualClock()
    sink = make_door_sink(stream, clock)
    for counter in (*COUNTERS, *DOOR_COUNTERS):
        sink.count(counter.counts[0], 1_000_000)
    for one in (*DISTRIBUTIONS, *DOOR_DISTRIBUTIONS):
        late = one.source in {"latency_notify", "latency_queue", "latency_total"}  # a day
        for _ in range(100):
            sink.observe(one.source, 86_400_000.25 if late else 1_234.56)
    clock.seconds += 15
    sink.flush(last=False)
    assert all(len(line.encode()) < 16 * 1024 for line in lines(stream))
    assert len(emf.values(lines(stream))) == sum(
        map(len, (COUNTERS, DOOR_COUNTERS, DISTRIBUTIONS, DOOR_DISTRIBUTIONS))
    )


def test_all_metrics_fit_into_one_line_and_have_names_of_their_own() -> None:
    names = [one.name for one in (*COUNTERS, *DOOR_COUNTERS)]
    names += [one.name for one in (*DISTRIBUTIONS, *DOOR_DISTRIBUTIONS)]
    assert len(set(names)) == len(names) <= 100


def test_what_is_watched_is_observed_at_each_flush() -> None:
    port, depths = free_port(), {"depth_uploads": 5, "depth_waiting_for_s3": 0}
    telemetry = Telemetry([PrometheusMetrics(port)])
    telemetry.watch(lambda: depths)
    telemetry.flush()
    assert scrape(port)["photo_score_queue_depth{queue=uploads}"] == 5
    depths["depth_uploads"] = 2
    telemetry.flush()
    found = scrape(port)
    assert found["photo_score_queue_depth{queue=uploads}"] == 2
    assert found["photo_score_queue_depth{queue=waiting_for_s3}"] == 0


def test_prometheus_gets_refusals_by_code_and_status() -> None:
    port = free_port()
    telemetry = Telemetry([PrometheusMetrics(port)])
    telemetry.refuse("slow_body")
    found = scrape(port)
    assert found["photo_score_refusals_total{code=slow_body}{status=408}"] == 1
    assert found["photo_score_refusals_total{code=too_late}{status=504}"] == 0
