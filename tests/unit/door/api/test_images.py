"""What a request with a photo is answered, whatever becomes of it."""

import asyncio
import hashlib
import uuid
from collections.abc import Callable, Coroutine

import pytest

from tests.support.door_asking import OWNERS, SCORES, DoorRig, PuppetStore
from tests.support.results import make_result
from worker.door.api import images
from worker.errors import (
    AbandonedError,
    AccessDeniedError,
    MessageError,
    ModelError,
    OutOfMemoryError,
    OvertakenError,
    ResultRefusedError,
    StorageError,
    TooManyPixelsError,
    UnreadableImageError,
    UnsupportedFormatError,
)
from worker.intake.arriving import SMALL
from worker.messages import PhotoId, Scored
from worker.result import Result

PHOTO = b"a photo"
SHA256 = hashlib.sha256(PHOTO).hexdigest()
ID = "3f0e8a52-6a0f-4c11-9f0e-0a1b2c3d4e5f"
ONE = f"/images/{ID}"
INSIDE = "s3://photos/uploads/one at 10.0.0.7:6379"  # what an error of ours may say
SHORT = 0.05  # seconds of a wait that must end without a result

Scenario = Callable[[], Coroutine[None, None, None]]


def run(scenario: Scenario) -> None:
    asyncio.run(scenario())


def stored(sha256: str = SHA256, **more: str) -> Result:
    return make_result(ID, sha256=sha256, etag=sha256, bucket=None, key=None, via="http", **more)


async def settled() -> None:
    """Let everything go on that can."""
    for _ in range(20):
        await asyncio.sleep(0)


# a photo


def test_a_photo_gets_an_id_and_its_result() -> None:
    async def scenario() -> None:
        door = DoorRig(store=PuppetStore())
        asked = door.ask("POST", "/images", PHOTO, X_Request_Id="mine")
        upload = await door.next_upload()
        assert door.fetch(upload) == PHOTO
        assert (upload.object.sha256, upload.object.size, upload.object.via) == (SHA256, 7, "http")
        assert upload.trace == {"request_id": "mine"}
        assert uuid.UUID(upload.photo.image_id)
        door.score(upload)
        answer = await asked.answer()
        assert (answer.status, answer.json["image_id"]) == (200, upload.photo.image_id)
        assert answer.headers["location"] == f"/images/{upload.photo.image_id}"
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-request-id"] == "mine"
        assert door.is_empty
        await settled()
        assert asyncio.all_tasks() == {asyncio.current_task()}, "nobody goes on waiting for the client"

    run(scenario)


def test_a_photo_may_come_in_pieces_of_any_size() -> None:
    async def scenario() -> None:
        door = DoorRig(max_bytes=300_000, memory=400_000)
        photo = bytes(range(256)) * 1_000
        asked = door.ask("PUT", ONE)
        for start in range(0, 200_000, 1_000):
            asked.send(photo[start : start + 1_000], more=True)
        asked.send(photo[200_000:])
        upload = await door.next_upload()
        pieces = door.tickets.fetch(upload, 500, lambda: None).pieces
        assert b"".join(pieces) == photo
        assert len(pieces) < len(photo) / SMALL, "many small pieces take more memory than they have bytes"
        assert door.admission.bytes_held == len(photo)
        del pieces
        door.score(upload)
        assert (await asked.answer()).status == 200
        assert door.admission.bytes_held == 0

    run(scenario)


def test_without_redis_no_answer_names_a_place_where_nothing_is_found() -> None:
    async def scenario() -> None:
        door = DoorRig()
        for method, path in (("POST", "/images"), ("PUT", ONE)):
            asked = door.ask(method, path, PHOTO)
            door.score(await door.next_upload())
            answer = await asked.answer()
            assert (answer.status, "location" in answer.headers) == (200, False)

    run(scenario)


def test_photos_of_owners_are_below_them() -> None:
    async def scenario() -> None:
        door = DoorRig(pattern=OWNERS, store=PuppetStore())
        asked = [door.ask("POST", "/images/ada", PHOTO), door.ask("PUT", f"/images/ada/{ID}", PHOTO)]
        for one in asked:
            upload = await door.next_upload()
            assert upload.photo.owner == "ada"
            door.score(upload)
            assert (await one.answer()).headers["location"] == f"/images/ada/{upload.photo.image_id}"
        assert upload.photo == PhotoId(ID, "ada")
        assert (await door.ask("POST", "/images", PHOTO).answer()).code == (404, "not_found")

    run(scenario)


# refusals


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OvertakenError(INSIDE), (409, "overtaken")),
        (ModelError(INSIDE), (500, "model_trouble")),
        (ResultRefusedError(INSIDE), (500, "result_refused")),
        (AccessDeniedError(INSIDE), (500, "access_denied")),
        (StorageError(INSIDE), (503, "storage_trouble")),
        (OutOfMemoryError(INSIDE), (503, "out_of_memory")),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_a_photo_without_a_result_is_answered_with_the_reason(
    error: MessageError, code: tuple[int, str]
) -> None:
    async def scenario() -> None:
        door = DoorRig()
        asked = door.ask("PUT", ONE, PHOTO)
        door.fail(await door.next_upload(), error)
        answer = await asked.answer()
        assert answer.code == code
        assert answer.headers["content-type"] == "application/problem+json"
        assert INSIDE not in answer.body.decode(), "what is inside concerns no client"
        assert answer.json["image_id"] == ID
        assert answer.json["request_id"] == answer.headers["x-request-id"]
        assert (answer.headers.get("retry-after") is not None) == (code[0] == 503)
        assert door.is_empty

    run(scenario)


@pytest.mark.parametrize(
    ("error", "status"),
    [(TooManyPixelsError, 413), (UnsupportedFormatError, 415), (UnreadableImageError, 422)],
)
def test_a_photo_that_can_never_be_scored_is_answered_with_its_stored_failure(
    error: type[MessageError], status: int
) -> None:
    async def scenario() -> None:
        door = DoorRig()
        asked = door.ask("PUT", ONE, PHOTO)
        door.fail(await door.next_upload(), error("why"), stored(code=error.code))
        assert (await asked.answer()).code == (status, error.code)

    run(scenario)


def test_a_photo_that_was_forgotten_meanwhile_has_no_result() -> None:
    async def scenario() -> None:
        door = DoorRig()
        asked = door.ask("PUT", ONE, PHOTO)
        upload = await door.next_upload()
        door.tickets.answer(Scored(upload, SCORES, None, None, {}, 0.0), None)
        assert (await asked.answer()).code == (409, "forgotten")

    run(scenario)


@pytest.mark.parametrize(
    ("path", "data", "headers", "code"),
    [
        (ONE, b"", {}, (400, "empty_object")),
        ("/images/a%20b", PHOTO, {}, (400, "no_image_id")),
        (ONE, b"x" * 501, {}, (413, "too_many_bytes")),
        (ONE, None, {"Content_Length": "501"}, (413, "too_many_bytes")),
        (ONE, None, {"Content_Length": "9" * 1_000}, (413, "too_many_bytes")),
        (ONE, None, {"Content_Encoding": "gzip"}, (415, "unsupported_format")),
        (ONE, None, {"Content_Range": "bytes 0-6/99"}, (400, "bad_request")),
        (ONE, None, {"Content_Type": "multipart/form-data"}, (400, "bad_request")),
        (ONE, b"no form", {"Content_Type": "Multipart/Form-Data; boundary=x"}, (400, "bad_request")),
    ],
    ids=["empty", "id", "sent", "declared", "endless", "packed", "a part", "no boundary", "no form"],
)
def test_a_request_that_cannot_be_is_refused(
    path: str, data: bytes | None, headers: dict[str, str], code: tuple[int, str]
) -> None:
    """Without a body the answer must come before it."""

    async def scenario() -> None:
        door = DoorRig()
        path_of_scope = path.replace("%20", " ")
        assert (await door.ask("PUT", path_of_scope, data, **headers).answer()).code == code
        assert door.is_empty
        assert door.admission.bytes_held == 0

    run(scenario)


def test_a_slow_body_is_refused_and_its_bytes_are_freed() -> None:
    async def scenario() -> None:
        door = DoorRig(body_timeout=SHORT)
        asked = door.ask("PUT", ONE)
        asked.send(PHOTO, more=True)
        assert (await asked.answer()).code == (408, "slow_body")
        assert door.admission.bytes_held == 0

    run(scenario)


@pytest.mark.parametrize("authorization", ["", "Bearer other", "Basic one", "Bearer", "one", "Bearer öne"])
def test_where_there_are_tokens_one_must_be_presented(authorization: str) -> None:
    async def scenario() -> None:
        door = DoorRig(tokens=("one", "two"))
        headers = {"Authorization": authorization} if authorization else {}
        answer = await door.ask("PUT", ONE, **headers).answer()
        assert (answer.code, answer.headers["www-authenticate"]) == ((401, "unauthorized"), "Bearer")
        asked = door.ask("PUT", ONE, PHOTO, Authorization="bearer  two")
        door.score(await door.next_upload())
        assert (await asked.answer()).status == 200

    run(scenario)


def test_another_path_or_method_is_a_problem_too() -> None:
    async def scenario() -> None:
        door = DoorRig()
        answer = await door.ask("GET", "/photos").answer()
        assert (answer.code, "image_id" in answer.json) == ((404, "not_found"), False)
        answer = await door.ask("DELETE", ONE).answer()
        assert (answer.code, "PUT" in answer.headers["allow"]) == ((405, "method_not_allowed"), True)

    run(scenario)


def test_a_fault_of_ours_costs_one_request() -> None:
    async def scenario() -> None:
        door = DoorRig()
        door.images.names.photo = None  # type: ignore[method-assign, assignment] # a bug
        assert (await door.ask("PUT", ONE, PHOTO).answer()).code == (500, "internal_error")
        assert door.telemetry.counts["request_crashed"] == 1
        assert door.is_empty

    run(scenario)


# admission


def test_a_full_worker_refuses_before_the_body_and_once_more_after_it() -> None:
    async def scenario() -> None:
        door = DoorRig(most=1)
        slow = door.ask("PUT", ONE)
        slow.send(PHOTO, more=True)
        first = door.ask("POST", "/images", PHOTO)
        upload = await door.next_upload()
        refused = await door.ask("POST", "/images", Content_Length="7").answer()
        assert refused.code == (429, "too_many_requests")
        assert int(refused.headers["retry-after"]) >= 1
        slow.send(b"")
        assert (await slow.answer()).code == (429, "too_many_requests")
        door.score(upload)
        assert (await first.answer()).status == 200
        del upload
        assert (door.is_empty, door.admission.bytes_held) == (True, 0)

    run(scenario)


def test_photos_that_find_no_memory_are_refused_while_they_arrive() -> None:
    async def scenario() -> None:
        door = DoorRig(memory=800)
        first, second = door.ask("PUT", ONE), door.ask("POST", "/images")
        first.send(b"x" * 450, more=True)
        second.send(b"x" * 450, more=True)
        assert (await second.answer()).code == (429, "too_many_requests")
        assert (await door.ask("POST", "/images", Content_Length="400").answer()).code[0] == 429
        first.send(b"")
        door.score(await door.next_upload())
        assert (await first.answer()).status == 200

    run(scenario)


def test_a_full_lane_refuses_and_takes_no_place() -> None:
    async def scenario() -> None:
        door = DoorRig(most=100)
        asked = [door.ask("POST", "/images", PHOTO) for _ in range(11)]
        await settled()
        assert [(await one.answer()).status for one in asked if one.is_answered] == [429]
        assert (door.admission.in_work, door.tickets.in_flight) == (10, 10)
        assert door.admission.places == 100, "a refusal tells nothing of the rate"
        for one in asked:
            one.hang_up()
        await settled()

    run(scenario)


# the same photo again


class SlowStore(PuppetStore):
    """Answers a moment after it was asked."""

    async def find(self, photo: PhotoId) -> Result | None:
        await asyncio.sleep(0)
        return await super().find(photo)


def test_a_photo_that_is_known_costs_one_look() -> None:
    async def scenario() -> None:
        door = DoorRig(store=SlowStore())
        assert door.store
        door.store.results[PhotoId(ID)] = stored()
        answer = await door.ask("PUT", ONE, PHOTO, Prefer="respond-async").answer()
        assert (answer.status, Result.model_validate_json(answer.body)) == (200, stored())
        assert (door.is_empty, door.admission.bytes_held) == (True, 0)

    run(scenario)


def test_a_photo_that_is_known_by_the_queue_costs_one_look_too() -> None:
    async def scenario() -> None:
        door = DoorRig(store=PuppetStore())
        assert door.store
        door.store.results[PhotoId(ID)] = make_result(ID, sha256=SHA256)
        answer = await door.ask("PUT", ONE, PHOTO).answer()
        assert (answer.status, answer.json["source"]["key"]) == (200, "k")

    run(scenario)


def test_a_failure_that_is_known_is_answered_again() -> None:
    async def scenario() -> None:
        door = DoorRig(store=PuppetStore())
        assert door.store
        door.store.results[PhotoId(ID)] = stored(code="unreadable_image")
        assert (await door.ask("PUT", ONE, PHOTO).answer()).code == (422, "unreadable_image")

    run(scenario)


def test_other_bytes_under_the_same_id_are_refused() -> None:
    async def scenario() -> None:
        door = DoorRig(store=PuppetStore())
        assert door.store
        door.store.results[PhotoId(ID)] = stored(sha256="ab" * 32)
        assert (await door.ask("PUT", ONE, PHOTO).answer()).code == (409, "overtaken")
        assert door.is_empty

    run(scenario)


@pytest.mark.parametrize(
    ("code", "is_scored"),
    [("object_gone", True), ("object_archived", True), ("unreadable_image", False), ("too_costly", False)],
)
def test_an_object_that_could_not_be_read_leaves_its_id_to_a_photo_by_http(
    code: str, is_scored: bool
) -> None:
    """A lasting failure of other bytes does not."""

    async def scenario() -> None:
        door = DoorRig(store=PuppetStore())
        assert door.store
        door.store.results[PhotoId(ID)] = make_result(ID, code=code)
        asked = door.ask("PUT", ONE, PHOTO)
        if is_scored:
            door.score(await door.next_upload())
            assert (await asked.answer()).status == 200
        else:
            assert (await asked.answer()).code == (409, "overtaken")
        assert door.is_empty

    run(scenario)


@pytest.mark.parametrize("case", ["older models", "no content", "away", "in an outage"])
def test_where_the_look_cannot_tell_the_photo_is_scored(case: str) -> None:
    async def scenario() -> None:
        door = DoorRig(store=PuppetStore())
        assert door.store
        found = (
            stored(models="0") if case == "older models" else make_result(ID, etag=None, code="object_gone")
        )
        door.store.results[PhotoId(ID)] = found
        door.store.away = case == "away"
        door.is_store_away = case == "in an outage"
        asked = door.ask("PUT", ONE, PHOTO)
        door.score(await door.next_upload())
        assert (await asked.answer()).status == 200
        assert door.store.looks == (0 if case == "in an outage" else 1)

    run(scenario)


def test_a_new_photo_is_not_looked_for() -> None:
    async def scenario() -> None:
        door = DoorRig(store=PuppetStore())
        asked = door.ask("POST", "/images", PHOTO)
        door.score(await door.next_upload())
        assert (await asked.answer()).status == 200
        assert door.store
        assert door.store.looks == 0

    run(scenario)


# the wait


@pytest.mark.parametrize(("wait", "headers"), [(SHORT, {}), (20.0, {"Prefer": "respond-async"})])
def test_a_result_that_is_late_is_promised(wait: float, headers: dict[str, str]) -> None:
    async def scenario() -> None:
        door = DoorRig(store=PuppetStore(), wait=wait)
        asked = door.ask("PUT", ONE, PHOTO, **headers)
        upload = await door.next_upload()
        answer = await asked.answer()
        assert (answer.status, answer.headers["location"]) == (202, ONE)
        assert int(answer.headers["retry-after"]) >= 1
        assert door.tickets.wants(upload), "it is stored all the same"
        door.score(upload)
        assert door.is_empty

    run(scenario)


def test_without_redis_a_late_result_is_lost_and_a_promise_is_none() -> None:
    async def scenario() -> None:
        door = DoorRig(wait=SHORT)
        asked = door.ask("PUT", ONE, PHOTO, Prefer="respond-async")
        upload = await door.next_upload()
        assert (await asked.answer()).code == (504, "too_late")
        assert not door.tickets.wants(upload)
        with pytest.raises(AbandonedError):
            door.fetch(upload)
        door.fail(upload, AbandonedError("nobody waits for it"))
        assert (door.is_empty, door.admission.bytes_held) == (True, 0)

    run(scenario)


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "not yet known"])
@pytest.mark.parametrize("headers", [{}, {"Prefer": "respond-async"}], ids=["wait", "async"])
def test_while_redis_is_away_the_client_hears_so_after_the_wait(
    is_known: bool, headers: dict[str, str]
) -> None:
    async def scenario() -> None:
        store = PuppetStore()
        door = DoorRig(store=store, wait=SHORT)
        door.is_store_away, store.away = is_known, not is_known
        asked = door.ask("PUT", ONE, PHOTO, **headers)
        upload = await door.next_upload()
        assert (await asked.answer()).code == (503, "store_trouble")
        assert door.tickets.wants(upload), "it is written when Redis is back"

    run(scenario)


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("headers", [{}, {"Prefer": "respond-async"}], ids=["wait", "async"])
def test_while_redis_hangs_no_look_up_makes_the_answer_later_than_its_bound(
    monkeypatch: pytest.MonkeyPatch, method: str, headers: dict[str, str]
) -> None:
    """The first look is a part of the wait, and the last one takes no longer than a look may."""
    monkeypatch.setattr(images, "LOOK", look := 0.5)

    async def scenario() -> None:
        store, wait = PuppetStore(), 0.0 if headers else look
        door = DoorRig(store=store, wait=look)
        store.hangs = True
        begun = asyncio.get_running_loop().time()
        asked = door.ask(method, ONE if method == "PUT" else "/images", PHOTO, **headers)
        upload = await door.next_upload()
        assert (await asked.answer()).code == (503, "store_trouble")
        assert asyncio.get_running_loop().time() - begun < wait + look + look / 2
        assert door.tickets.wants(upload), "it is written when Redis is back"
        await settled()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(scenario)


def test_a_worker_that_is_full_because_redis_is_away_says_so() -> None:
    async def scenario() -> None:
        door = DoorRig(store=PuppetStore(), most=1, wait=SHORT)
        first = door.ask("PUT", ONE, PHOTO)
        await door.next_upload()
        door.is_store_away = True
        assert (await door.ask("POST", "/images", PHOTO).answer()).code == (503, "store_trouble")
        assert (await first.answer()).code == (503, "store_trouble")
        assert (door.images.arriving, door.admission.in_work) == (0, 1)

    run(scenario)


# clients that go away


def test_a_client_that_goes_away_spares_the_model() -> None:
    async def scenario() -> None:
        door = DoorRig(store=PuppetStore())
        asked, other = door.ask("PUT", ONE, PHOTO), door.ask("POST", "/images", PHOTO)
        upload, next_upload = await door.next_upload(), await door.next_upload()
        asked.hang_up()
        await asked.answer()
        assert not door.tickets.wants(upload)
        assert door.admission.bytes_held == len(PHOTO), "its bytes are freed at once"
        door.fail(upload, AbandonedError("nobody waits for it"))
        door.score(next_upload)
        assert (await other.answer()).status == 200
        del upload, next_upload
        assert (door.is_empty, door.admission.bytes_held) == (True, 0)

    run(scenario)


def test_a_client_that_goes_away_in_its_body_leaves_nothing() -> None:
    async def scenario() -> None:
        door = DoorRig()
        asked = door.ask("PUT", ONE)
        asked.send(PHOTO, more=True)
        asked.hang_up()
        await asked.answer()
        assert (door.is_empty, door.admission.bytes_held, door.lane.qsize()) == (True, 0, 0)

    run(scenario)


def test_an_answer_for_nobody_disturbs_nobody() -> None:
    async def scenario() -> None:
        door = DoorRig(store=PuppetStore())
        asked = door.ask("PUT", ONE, PHOTO)
        upload = await door.next_upload()
        asked.hang_up()
        await asked.answer()
        door.score(upload)
        door.score(upload)
        await settled()
        assert door.is_empty

    run(scenario)


# stops


def test_after_a_stop_photos_are_refused_and_those_in_work_answered() -> None:
    async def scenario() -> None:
        door = DoorRig()
        asked, arriving = door.ask("PUT", ONE, PHOTO), door.ask("POST", "/images")
        arriving.send(PHOTO, more=True)
        upload = await door.next_upload()
        door.gate.close()
        answer = await door.ask("POST", "/images", PHOTO).answer()
        assert (answer.code, answer.headers["connection"]) == ((503, "stopping"), "close")
        assert door.images.arriving == 1
        arriving.send(b"")
        door.score(await door.next_upload())
        door.score(upload)
        assert (await asked.answer()).status == (await arriving.answer()).status == 200

    run(scenario)


def test_a_photo_that_has_not_arrived_when_its_time_is_over_is_refused() -> None:
    async def scenario() -> None:
        door = DoorRig()
        arriving, late = door.ask("PUT", ONE), door.ask("POST", "/images")
        arriving.send(PHOTO, more=True)
        late.send(PHOTO, more=True)
        await settled()
        door.gate.close()
        door.bodies.cut()
        assert (await arriving.answer()).code == (503, "stopping")
        assert (await late.answer()).code == (503, "stopping")
        assert (door.is_empty, door.admission.bytes_held) == (True, 0)

    run(scenario)


def test_a_photo_that_arrives_after_the_lane_was_closed_is_refused() -> None:
    async def scenario() -> None:
        door = DoorRig()
        door.lane.shutdown()
        assert (await door.ask("PUT", ONE, PHOTO).answer()).code == (503, "stopping")
        assert door.is_empty

    run(scenario)


def test_what_a_stop_leaves_is_answered_that_the_worker_stops() -> None:
    async def scenario() -> None:
        door = DoorRig()
        asked = [door.ask("POST", "/images", PHOTO) for _ in range(2)]
        await settled()
        assert door.tickets.release_all() == 2
        assert [(await one.answer()).code for one in asked] == [(503, "stopping")] * 2
        assert door.tickets.release_all() == 0
        assert door.is_empty

    run(scenario)
