"""What is told of each photo, whatever became of it: joined by its request and its trace, and counted by its way."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.fakes import START, ScriptedSource, message
from tests.support.stage_rig import IDS, StageRig, body, photo
from worker.errors import MessageError, StorageError
from worker.messages import Known, Skipped, Upload
from worker.pipeline.lanes import Lane
from worker.telemetry.counters import Reported
from worker.telemetry.metrics import DISTRIBUTIONS, DOOR_DISTRIBUTIONS

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE = {"request_id": "abc", "traceparent": PARENT}


class RecordingTracer:
    """Records the photos it is told of."""

    def __init__(self) -> None:
        self.photos: list[Reported] = []

    def photo(self, photo: Reported) -> None:
        self.photos.append(photo)

    def close(self) -> None:
        pass


class TracedRig(StageRig):
    """A rig whose source brings photos by HTTP, and which records what is told of them."""

    def __init__(self, photos: dict[str, bytes | MessageError]) -> None:
        super().__init__(ScriptedSource(photos=photos))
        self.source.is_patient = False
        self.tracer = self.telemetry.tracer = RecordingTracer()

    def upload(self, key: str) -> Upload:
        upload = self.source.upload(key)
        return replace(upload, object=replace(upload.object, via="http"), trace=TRACE, receive_ms=800.0)

    def work(self, key: str) -> list[Mapping[str, Any]]:
        """Take a photo through all stages; returns its log lines."""
        self.uploads.put(self.upload(key))
        with capture_logs() as logs:
            self.prepare.step()
            if self.ready.qsize():
                self.infer.steps[0]()
            self.commit.step()
        return [line for line in logs if line["event"] != "batch"]


def test_a_photo_with_a_result_has_one_line_that_names_its_request() -> None:
    rig = TracedRig({IDS[0]: photo(2)})
    (line,) = rig.work(IDS[0])
    assert line["event"] == "scored"
    assert {name: line[name] for name in TRACE} == TRACE
    assert line["timings_ms"]["receive"] == 800.0
    assert rig.telemetry.counts["photos_by_http"] == 1


def test_a_slow_client_makes_nothing_late() -> None:
    rig = TracedRig({IDS[0]: photo(2)})
    (line,) = rig.work(IDS[0])
    assert rig.store.results[IDS[0]].timings_ms["total"] == line["timings_ms"]["total"] < 800.0
    assert "receive" not in rig.store.results[IDS[0]].timings_ms
    assert rig.telemetry.counts["objective_met"] == 1


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ("failed", "unsupported_format"),
        ("released", "storage_trouble"),
        ("abandoned", None),
        ("forgotten", None),
    ],
)
def test_whatever_becomes_of_a_photo_its_line_names_its_request(event: str, code: str | None) -> None:
    rig = TracedRig({IDS[0]: photo(2), IDS[1]: b"text", IDS[2]: StorageError("503")})
    key = {"failed": IDS[1], "released": IDS[2]}.get(event, IDS[0])
    if event == "abandoned":
        rig.source.unwanted.add(key)
    if event == "forgotten":
        rig.store.forgotten[key] = START
    (line,) = rig.work(key)
    assert (line["event"], line["image_id"], line.get("code")) == (event, key, code)
    assert {name: line[name] for name in TRACE} == TRACE
    (told,) = rig.tracer.photos
    assert (told.status, told.image_id, told.way, told.trace) == (event, key, "http", TRACE)
    assert told.is_undone == (event in {"released", "abandoned"})
    assert told.ledger["receive"] == 800.0


def test_a_photo_is_traced_by_its_ledger_up_to_its_end() -> None:
    rig = TracedRig({IDS[0]: photo(2)})
    rig.uploads.put(rig.upload(IDS[0]))
    for step in (rig.prepare.step, rig.infer.steps[0], rig.commit.step):
        rig.clock.seconds += 0.5
        step()
    (told,) = rig.tracer.photos
    assert (told.status, told.code, told.is_undone) == ("scored", None, False)
    assert {step: ms for step, ms in told.ledger.items() if ms} == {
        "receive": 800.0,
        "wait": 500.0,
        "batch_wait": 500.0,
        "commit": 500.0,
        "total": 1500.0,
    }
    assert told.ended == rig.clock()


def test_a_photo_from_the_queue_belongs_to_the_trace_of_its_message() -> None:
    sent = replace(message(body(*IDS[:2])), traceparent=PARENT)
    rig = StageRig(ScriptedSource([sent, message(body(IDS[2]), number=2)], photos={IDS[0]: photo(2)}))
    rig.poll.step()
    uploads = [rig.uploads.get() for _ in range(3)]
    assert [item.trace for item in uploads if isinstance(item, Upload)] == [
        {"traceparent": PARENT},
        {"traceparent": PARENT},
        {},
    ]


def test_a_photo_that_was_scored_before_names_its_trace() -> None:
    rig = StageRig(
        ScriptedSource([replace(message(body(IDS[0])), traceparent=PARENT)], photos={IDS[0]: photo(2)})
    )
    rig.poll.step()
    rig.prepare.step()
    rig.infer.steps[0]()
    rig.commit.step()
    rig.source.waiting.append(replace(message(body(IDS[0]), number=2), traceparent=PARENT))
    with capture_logs() as logs:
        rig.poll.step()
    assert isinstance(rig.uploads.get(), Known)
    assert [line["traceparent"] for line in logs if line["event"] == "already_scored"] == [PARENT]
    assert rig.telemetry.counts["photos_by_queue"] == 1


def test_a_photo_that_waits_for_s3_is_counted_once() -> None:
    source = ScriptedSource(photos={IDS[0]: StorageError("503")})
    rig = StageRig(source)
    rig.uploads.put(source.upload(IDS[0]))
    rig.prepare.step()
    source.photos[IDS[0]] = photo(2)
    rig.clock.seconds += 60
    rig.prepare.step()
    assert rig.ready.qsize() == 1
    assert rig.telemetry.counts["photos_by_queue"] == 1


def test_every_place_where_photos_wait_has_a_depth() -> None:
    class Door:
        lane: Lane[object] = Lane(4)

        def step(self) -> None:
            pass

    rig = StageRig(ScriptedSource(photos={key: photo(2) for key in IDS[:5]}))
    names = {one.source for one in (*DISTRIBUTIONS, *DOOR_DISTRIBUTIONS) if one.family == "queue_depth"}
    assert rig.depths() == dict.fromkeys(names, 0)
    for key in IDS[:3]:
        rig.uploads.put(rig.source.upload(key))
    rig.prepare.step()
    assert {name: depth for name, depth in rig.depths().items() if depth} == {
        "depth_uploads": 2,
        "depth_ready": 1,
    }
    rig.infer.steps[0]()
    assert rig.depths()["depth_outcomes"] == 1
    rig.acknowledge.settle(rig.source, [Skipped(message(), rig.source)])
    assert rig.depths()["depth_acknowledge"] == 1
    rig.source.photos[IDS[1]] = StorageError("503")
    rig.prepare.step()
    assert rig.depths()["depth_waiting_for_s3"] == 1
    rig.door = Door()  # type: ignore[assignment] # as far as its depth goes
    Door.lane.put("a photo")
    assert rig.depths()["depth_door"] == 1
