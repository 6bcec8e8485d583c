"""What every answer of the door says beside its body: whose request it was and how long it took; what is counted."""

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from tests.support.door_asking import Answer, DoorRig, PuppetStore
from tests.support.results import make_result
from worker.door.api.images import Images
from worker.door.problems import CODES, Refusal
from worker.errors import ModelError
from worker.messages import Failed, PhotoId
from worker.telemetry.metrics import REFUSALS

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ID = "3f0e8a52-6a0f-4c11-9f0e-0a1b2c3d4e5f"
NAMED = {"X_Request_Id": "abc", "traceparent": PARENT}


def run(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(scenario())


def ask(door: DoorRig, method: str, path: str, data: bytes = b"", **headers: str) -> Answer:
    """Send a request that is answered without a pipeline."""

    async def scenario() -> Answer:
        return await door.ask(method, path, data, **headers).answer()

    return asyncio.run(scenario())


def test_an_answer_names_its_request_its_trace_and_its_steps_and_a_slow_client_is_no_part_of_the_total() -> (
    None
):
    async def scenario() -> None:
        door = DoorRig()
        asked = door.ask("POST", "/images", **NAMED)
        asked.send(b"a", more=True)
        while door.admission.bytes_held == 0:
            assert not asked.is_answered
            await asyncio.sleep(0)
        door.clock.seconds += 3.0
        asked.send(b" photo")
        upload = await door.next_upload()
        assert upload.trace == {"request_id": "abc", "traceparent": PARENT}
        assert upload.receive_ms == 3000.0
        assert upload.message.received == door.clock(), "not before the photo was complete"
        known_at = door.clock()
        door.clock.seconds += 0.5
        door.tickets.answer(Failed(upload, ModelError("no"), {"wait": 250.0}, known_at), None)
        answer = await asked.answer()
        assert answer.code == (500, "model_trouble")
        assert answer.headers["x-request-id"] == answer.json["request_id"] == "abc"
        assert answer.headers["server-timing"] == (
            f'traceparent;desc="{PARENT}", receive;dur=3000.0, wait;dur=250.0, commit;dur=500.0, total;dur=750.0'
        )

    run(scenario)


def test_a_result_comes_with_its_times() -> None:
    async def scenario() -> None:
        door = DoorRig()
        asked = door.ask("POST", "/images", b"a photo", X_Request_Id="abc")
        upload = await door.next_upload()
        door.score(upload)
        door.clock.seconds += 0.02
        answer = await asked.answer()
        assert answer.status == 200
        assert answer.headers["server-timing"] == "commit;dur=20.0, total;dur=20.0"

    run(scenario)


def test_a_promise_names_its_request_too() -> None:
    async def scenario() -> None:
        door = DoorRig(store=PuppetStore())
        asked = door.ask("POST", "/images", b"a photo", Prefer="respond-async", **NAMED)
        answer = await asked.answer()
        assert (answer.status, answer.headers["x-request-id"]) == (202, "abc")
        assert answer.headers["server-timing"].startswith(f'traceparent;desc="{PARENT}"')
        assert {"location", "retry-after"} <= answer.headers.keys()

    run(scenario)


def test_a_photo_that_was_scored_before_has_a_log_line_as_by_the_queue() -> None:
    door = DoorRig(store=PuppetStore())
    assert door.store
    sha256 = hashlib.sha256(b"a photo").hexdigest()
    source: dict[str, Any] = {"bucket": None, "key": None, "etag": sha256, "sha256": sha256}
    door.store.results[PhotoId(ID)] = make_result(ID, via="http", **source)
    with capture_logs() as logs:
        answer = ask(door, "PUT", f"/images/{ID}", b"a photo", **NAMED)
    assert (answer.status, answer.headers["x-request-id"]) == (200, "abc")
    (line,) = logs
    assert (line["event"], line["image_id"], line["request_id"]) == ("already_scored", ID, "abc")
    assert line["traceparent"] == PARENT
    assert door.telemetry.counts == {"already_scored": 1}


def test_refusals_are_counted_by_code_and_not_logged() -> None:
    door = DoorRig(tokens=("secret",))
    with capture_logs() as logs:
        for _ in range(3):
            answer = ask(door, "POST", "/images", X_Request_Id="abc")
            assert (answer.code, answer.headers["x-request-id"]) == ((401, "unauthorized"), "abc")
    assert door.telemetry.counts == {"refusals_unauthorized": 3}
    assert logs == []


def test_an_id_that_cannot_be_trusted_is_not_repeated() -> None:
    answer = ask(DoorRig(), "POST", "/images", X_Request_Id="<script>")
    assert answer.code == (400, "empty_object")
    assert answer.headers["x-request-id"] == answer.json["request_id"] != "<script>"


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [("GET", "/nowhere", "not_found"), ("DELETE", "/images", "method_not_allowed")],
)
def test_what_no_route_takes_names_its_request_too(method: str, path: str, code: str) -> None:
    door = DoorRig()
    answer = ask(door, method, path, b"", **NAMED)
    assert answer.json["code"] == code
    assert answer.headers["x-request-id"] == answer.json["request_id"] == "abc"
    assert answer.headers["server-timing"] == f'traceparent;desc="{PARENT}"'
    assert door.telemetry.counts == {f"refusals_{code}": 1}


def test_a_bug_is_logged_with_its_request() -> None:
    door = DoorRig()
    door.images = cast("Images", None)
    with capture_logs() as logs:
        answer = ask(door, "POST", "/images", b"a photo", **NAMED)
    assert answer.code == (500, "internal_error")
    assert answer.headers["x-request-id"] == "abc"
    assert [(line["event"], line["request_id"], line["traceparent"]) for line in logs] == [
        ("request_crashed", "abc", PARENT)
    ]
    assert door.telemetry.counts == {"request_crashed": 1, "refusals_internal_error": 1}


def test_a_code_that_nobody_knows_is_a_trouble_of_ours() -> None:
    assert Refusal("a_new_one", "why").status == 500


def test_every_code_is_a_metric() -> None:
    """But that of asking for a result that is not there yet: this is no refusal."""
    assert {code: one.status for code, one in CODES.items() if code != "no_result"} == REFUSALS
