"""A photo from its request or its message to its log line, its result's headers and its spans, in a real worker."""

import json
import uuid

from tests.support import bodies, emf, otlp, photos
from tests.support.doors import door_client
from tests.support.otlp import Receiver, Span, attributes
from tests.support.rig import Rig
from tests.support.waiting import eventually

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
OF_HTTP = ["receive", "wait", "fetch", "decode", "batch_wait", "infer", "commit"]
OF_QUEUE = ["notify", "queue", *OF_HTTP[1:]]


def announce(rig: Rig, image_id: str, photo: bytes, header: str) -> None:
    """Store a photo, and announce it within a trace of X-Ray."""
    rig.put(image_id, photo)
    rig.sqs.send_message(
        QueueUrl=rig.queue_url,
        MessageBody=json.dumps(bodies.notification(rig.bucket, f"uploads/{image_id}.jpg")),
        MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": header}},
    )


def check_span(receiver: Receiver, image_id: str, timings: dict[str, float], steps: list[str]) -> Span:
    """Check the steps of a photo's span, in our trace."""
    (photo,) = [one for one in receiver.named("photo") if attributes(one)["photo.image_id"] == image_id]
    assert (photo.trace_id.hex(), photo.parent_span_id.hex()) == (TRACE, PARENT)
    found = receiver.steps(photo)
    assert [one.name for one in found] == [step for step in steps if step == "receive" or timings[step] > 0]
    for one in found:
        milliseconds = (one.end_time_unix_nano - one.start_time_unix_nano) / 1e6
        assert one.name == "receive" or abs(milliseconds - timings[one.name]) < 0.01
    return photo


def test_a_photo_can_be_followed_whichever_way_it_came(rig: Rig) -> None:
    by_queue, by_http, broken = (str(uuid.uuid4()) for _ in range(3))
    with otlp.receive(rig.environment.__setitem__) as receiver, door_client() as client:
        process = rig.process(
            door_port=str(client.port), service="meals", metrics="emf", metrics_interval="1"
        )
        process.wait_for("polling")
        headers = {"X-Request-Id": "request-1", "traceparent": TRACEPARENT}
        answer = client.put(f"/images/{by_http}", content=photos.coffee(), headers=headers)
        assert answer.status_code == 200, answer.text
        refused = client.put(f"/images/{broken}", content=b"text", headers={"X-Request-Id": "request-2"})
        announce(
            rig, by_queue, photos.plain("red"), f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={PARENT};Sampled=1"
        )
        queued = rig.result(by_queue)
        rig.settles()
        assert process.stop() == 0, process.tail()

        lines = {line.get("image_id"): line for line in process.events() if "timings_ms" in line}
        assert (lines[by_http]["request_id"], lines[by_http]["traceparent"]) == ("request-1", TRACEPARENT)
        assert lines[broken]["request_id"] == refused.headers["x-request-id"] == "request-2"
        assert lines[by_queue]["traceparent"] == TRACEPARENT

        assert answer.headers["x-request-id"] == "request-1"
        timing = dict(part.split(";", 1) for part in answer.headers["server-timing"].split(", "))
        assert timing["traceparent"] == f'desc="{TRACEPARENT}"'
        assert {"decode", "infer", "total"} <= timing.keys()

        assert receiver.services == {"meals"}
        kinds = {
            check_span(receiver, by_http, answer.json()["timings_ms"], OF_HTTP).kind,
            check_span(receiver, by_queue, queued.timings_ms, OF_QUEUE).kind,
        }
        assert kinds == {Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CONSUMER}
        (failed,) = [one for one in receiver.named("photo") if attributes(one)["photo.image_id"] == broken]
        assert attributes(failed)["photo.code"] == "unsupported_format"
        assert not failed.parent_span_id

    written = emf.values(process.log.with_suffix(".out").read_text().splitlines())
    assert (sum(written["PhotosByWayHttp"]), sum(written["PhotosByWayQueue"])) == (2, 1)
    assert sum(written["RefusalsUnsupportedFormat"]) == 1
    assert len(written["LatencyReceive"]) == 2
    assert {"DepthUploads", "DepthDoor", "DepthReady", "DepthOutcomes"} <= written.keys()
    assert {"DoorInWork", "DoorBytesHeld"} <= written.keys()


def test_a_collector_that_hangs_changes_nothing_for_photos_or_the_stop(rig: Rig) -> None:
    rig.announce_uploads()
    with otlp.receive(rig.environment.__setitem__) as receiver:
        receiver.answers.clear()
        rig.environment["OTEL_BSP_SCHEDULE_DELAY"] = "100"
        process = rig.process()
        process.wait_for("polling")
        for quality in (80, 85, 90):
            assert rig.result(rig.client.upload(photos.coffee(quality=quality), ".jpg")).status == "scored"
        eventually(lambda: receiver.requests > 0)
        assert process.stop() == 0, process.tail()


def test_without_the_extra_the_worker_says_what_to_install(rig: Rig) -> None:
    hidden = rig.folder / "hidden" / "opentelemetry"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ModuleNotFoundError(\"No module named 'opentelemetry'\")")
    rig.environment |= {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
        "PYTHONPATH": str(hidden.parent),
    }
    code, out, error = rig.run()
    assert (code, out) == (2, "")
    assert error.splitlines() == [
        "worker: OTEL_EXPORTER_OTLP_ENDPOINT is set, but the extra otel is not installed: "
        "pip install 'photo-score-worker[otel]' (No module named 'opentelemetry')"
    ]
