"""Spans as a collector gets them: a photo's ledger, in the trace it belongs to; and what a bad collector costs."""

import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from localstack.services import free_port
from tests.support import otlp
from tests.support.fakes import ManualClock
from tests.support.otlp import Receiver, Span, attributes
from tests.support.waiting import eventually
from worker import settings
from worker.commands import run
from worker.errors import ConfigurationError
from worker.result import Via
from worker.telemetry.counters import Reported, Telemetry
from worker.telemetry.spans import CLOSE_TIMEOUT, QUIET, Spans

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
LEDGER = {"receive": 800.0, "notify": 0.0, "queue": 0.0, "wait": 1.5, "fetch": 0.25, "decode": 40.0}
LEDGER |= {"batch_wait": 2.0, "infer": 20.0, "commit": 0.75, "total": 64.5}
NOW = 1_700_000_000_000_000_000  # nanoseconds
PHOTO = Reported("m/0", "photo-1", "scored", "http", None, {"request_id": "abc"}, LEDGER, ended=999.5)
REQUIRED = {
    "WORKER_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/111122223333/photos",
    "WORKER_BUCKETS": "photos",
    "WORKER_REDIS_URL": "redis://localhost:6379/0",
}


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with otlp.receive(monkeypatch.setenv) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_thread_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The SDK draws random pauses between its tries: other tests would notice a thread that still tries."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")  # seconds for the tries with one batch
    yield
    eventually(
        lambda: (
            not [t.name for t in threading.enumerate() if t.name == "spans-end" or t.name.startswith("Otel")]
        )
    )


def make_spans(telemetry: Telemetry | None = None, clock: ManualClock | None = None) -> Spans:
    return Spans("meals", (telemetry or Telemetry()).warn, clock or ManualClock(), lambda: NOW)


def send(*photos: Reported) -> None:
    spans = make_spans()
    for photo in photos:
        spans.photo(photo)
    spans.close()


def in_trace(flags: str = "01") -> Mapping[str, str]:
    return {"traceparent": f"00-{TRACE}-{PARENT}-{flags}", "request_id": "abc"}


def milliseconds(span: Span) -> float:
    return (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6


def test_a_photo_is_a_span_and_the_steps_of_its_ledger_are_spans_in_it(receiver: Receiver) -> None:
    send(PHOTO)
    (photo,) = receiver.named("photo")
    steps = receiver.steps(photo)
    taken = {step: ms for step, ms in LEDGER.items() if ms and step != "total"}
    assert {span.name: milliseconds(span) for span in steps} == taken, "also in this order"
    assert [span.name for span in steps] == list(taken)
    assert photo.end_time_unix_nano == steps[-1].end_time_unix_nano == NOW - 500_000_000
    assert photo.start_time_unix_nano == steps[0].start_time_unix_nano
    for one, following in pairwise(steps):
        assert one.end_time_unix_nano == following.start_time_unix_nano
    assert len(receiver.spans) == len(steps) + 1
    assert receiver.services == {"meals"}
    assert attributes(photo) == {
        "photo.image_id": "photo-1",
        "photo.status": "scored",
        "photo.way": "http",
        "http.request.header.x-request-id": "abc",
    }


def test_spans_belong_to_the_trace_of_whoever_asked(receiver: Receiver) -> None:
    send(replace(PHOTO, trace=in_trace()), replace(PHOTO, image_id="photo-2"))
    of_trace = [span for span in receiver.spans if span.trace_id.hex() == TRACE]
    (photo,) = [span for span in of_trace if span.name == "photo"]
    assert photo.parent_span_id.hex() == PARENT
    assert len(of_trace) == len(receiver.spans) / 2
    (root,) = [span for span in receiver.named("photo") if not span.parent_span_id]
    assert {span.trace_id for span in receiver.steps(root)} == {root.trace_id}


def test_a_trace_that_nobody_samples_is_not_sent(receiver: Receiver) -> None:
    send(replace(PHOTO, trace=in_trace("00")), PHOTO)
    assert [span.parent_span_id.hex() for span in receiver.named("photo")] == [""]


@pytest.mark.parametrize(
    ("way", "kind"), [("http", Span.SPAN_KIND_SERVER), ("queue", Span.SPAN_KIND_CONSUMER)]
)
def test_a_photo_that_was_not_done_is_an_error_and_one_that_is_broken_is_none(
    receiver: Receiver, way: Via, kind: int
) -> None:
    of_way = replace(PHOTO, way=way)
    send(
        replace(of_way, image_id="released", status="released", code="storage_trouble", is_undone=True),
        replace(of_way, image_id="failed", status="failed", code="unreadable_image"),
    )
    photos = {attributes(span)["photo.image_id"]: span for span in receiver.named("photo")}
    assert {photo.kind for photo in photos.values()} == {kind}
    assert photos["released"].status.code == otlp.Status.STATUS_CODE_ERROR
    assert photos["released"].status.message == "storage_trouble"
    assert photos["failed"].status.code == otlp.Status.STATUS_CODE_UNSET
    assert attributes(photos["failed"])["photo.code"] == "unreadable_image"


def test_the_environment_may_name_the_service(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "as the others call it")
    send(PHOTO)
    assert receiver.services == {"as the others call it"}


@pytest.mark.parametrize("trouble", ["hangs", "is away"])
def test_a_receiver_in_trouble_holds_up_neither_a_photo_nor_the_end(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "64")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "16")
    receiver.answers.clear()
    if trouble == "is away":
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    telemetry = Telemetry()
    spans = make_spans(telemetry)
    with capture_logs() as logs:
        begun = time.monotonic()
        for _ in range(500):
            spans.photo(PHOTO)
        took = time.monotonic() - begun
        eventually(lambda: telemetry.counts.get("spans_trouble", 0) > 0 or receiver.requests > 0)
        begun = time.monotonic()
        spans.close()
        assert time.monotonic() - begun < CLOSE_TIMEOUT + 2  # on a busy machine
    assert took < 10, "a photo waited"
    assert len(logs) <= 1, "one line a minute"


def test_a_receiver_that_refuses_is_told_of_once_a_minute(
    receiver: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    receiver.status = 400
    telemetry, clock = Telemetry(), ManualClock()
    spans = make_spans(telemetry, clock)

    def refuse() -> None:
        """Have one more batch refused."""
        before = receiver.requests
        spans.photo(PHOTO)
        assert spans.flush()
        assert receiver.requests == before + 1

    with capture_logs() as logs:
        refuse()
        refuse()
        clock.seconds += QUIET
        refuse()
        spans.close()
    first, second = logs
    assert "400" in first["reason"]
    assert (first["more"], second["more"]) == (None, 1)
    assert capfd.readouterr().err == "", "the library's own lines would be no JSON"


def test_threads_that_report_at_once_lose_nothing(receiver: Receiver) -> None:
    spans = make_spans()

    def report() -> None:
        for _ in range(20):
            spans.photo(PHOTO)

    threads = [threading.Thread(target=report) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert spans.flush()
    spans.close()
    assert len(receiver.named("photo")) == 80


# Whether there are any


def open_tracer(environment: Mapping[str, str], telemetry: Telemetry | None = None) -> object:
    return run.open_tracer(settings.load(REQUIRED), telemetry or Telemetry(), environment)


def test_without_an_endpoint_there_are_no_spans() -> None:
    assert open_tracer({}) is None
    assert open_tracer({run.OTLP: ""}) is None


def test_with_an_endpoint_the_last_flush_sends_what_is_left(receiver: Receiver) -> None:
    telemetry = Telemetry()
    telemetry.tracer = run.open_tracer(settings.load(REQUIRED), telemetry, {run.OTLP: receiver.url})
    telemetry.trace(PHOTO)
    telemetry.flush()
    telemetry.flush(last=True)
    assert len(receiver.named("photo")) == 1
    assert receiver.services == {"photo-score-worker"}


def test_without_the_extra_an_endpoint_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "worker.telemetry.spans", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'photo-score-worker\[otel\]'") as error:
        open_tracer({run.OTLP: "http://localhost:4318"})
    assert "\n" not in str(error.value)


def test_a_protocol_that_is_not_spoken_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="OTEL_EXPORTER_OTLP_PROTOCOL is grpc"):
        open_tracer({run.OTLP: "http://localhost:4317", run.OTLP_PROTOCOL: "grpc"})


def test_a_variable_that_contradicts_another_is_a_configuration_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "1")
    with pytest.raises(ConfigurationError, match="OTEL_"):
        open_tracer({run.OTLP: "http://localhost:4318"})


def test_a_variable_that_cannot_be_read_is_told_of_and_left_alone(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "soon")
    with capture_logs() as logs:
        send(PHOTO)
    assert [(line["event"], "soon" in line["reason"]) for line in logs] == [("spans_trouble", True)]
    assert receiver.named("photo")
