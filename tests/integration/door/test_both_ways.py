"""Photos by HTTP and by the queue, in one worker."""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.photos import as_upload
from localstack.playground.photos import samples
from tests.support import bodies, photos
from tests.support.doors import DoorClient, door_client
from tests.support.models import Halves, Threes, save_bundle
from tests.support.rig import Rig, count_known
from tests.support.waiting import eventually

OWNERS = {
    "image_id_pattern": r"(?P<owner>\w+)/(?P<image_id>[0-9a-f-]{36})(\.\w+)?$",
    "result_key": "result:{owner}:{image_id}",
}


@pytest.fixture
def client() -> Iterator[DoorClient]:
    with door_client() as made:
        yield made


def new_id() -> str:
    return str(uuid.uuid4())


def listen(rig: Rig, image_id: str) -> Callable[[], list[str]]:
    """Hear what is published of a photo from now on; returns how to learn what was."""
    pubsub = rig.redis.pubsub()
    pubsub.subscribe(f"result:{image_id}")
    assert pubsub.get_message(timeout=5)["type"] == "subscribe"

    def heard() -> list[str]:
        found = list[str]()
        while message := pubsub.get_message(timeout=0.2):
            found.append(message["data"])
        pubsub.close()
        return found

    return heard


def test_a_photo_is_answered_with_the_result_that_is_stored(rig: Rig, client: DoorClient) -> None:
    with rig.worker(door_port=str(client.port)) as telemetry:
        answer = client.post("/images", content=photos.coffee())
        assert answer.status_code == 200, answer.text
        image_id = answer.json()["image_id"]
        assert answer.json()["status"] == "scored"
        assert answer.headers["location"] == f"/images/{image_id}"
        assert rig.stored() == {f"result:{image_id}": answer.json()}
        source = answer.json()["source"]
        assert (source["bucket"], source["key"], source["via"]) == (None, None, "http")
    assert telemetry.counts["photos_scored"] == 1  # counted after the answer


def test_a_form_brings_the_same_photo_whose_scores_are_reused(rig: Rig, client: DoorClient) -> None:
    with rig.worker(door_port=str(client.port)) as telemetry:
        raw = client.post("/images", content=photos.coffee()).json()
        form = client.post("/images", files={"photo": photos.coffee()}).json()
        assert form["source"] == raw["source"]
        assert (form["duplicate_of"], form["score"]) == (
            {"image_id": raw["image_id"], "distance": 0, "kind": "exact"},
            raw["score"],
        )
        assert form["reused_from"] == raw["image_id"]
        assert telemetry.counts["batched_photos"] == 1


def test_a_copy_by_the_queue_of_a_photo_by_http_is_found(rig: Rig, client: DoorClient) -> None:
    with rig.worker(door_port=str(client.port)):
        first = client.post("/images", content=photos.coffee("PNG")).json()
        copy, image_id = photos.coffee("JPEG", quality=60), new_id()
        rig.put(image_id, copy)
        rig.send(bodies.notification(rig.bucket, f"uploads/{image_id}.jpg"))
        found = rig.result(image_id)
        assert found.source.via == "queue"
        assert found.duplicate_of
        assert (found.duplicate_of.image_id, found.duplicate_of.kind) == (first["image_id"], "near")
        rig.settles()


def test_a_photo_that_comes_twice_is_one_result_and_one_announcement(rig: Rig, client: DoorClient) -> None:
    image_id = new_id()
    with rig.worker(door_port=str(client.port)) as telemetry:
        heard = listen(rig, image_id)
        first = client.put(f"/images/{image_id}", content=photos.coffee())
        again = client.put(f"/images/{image_id}", content=photos.coffee())
        assert first.json() == again.json()
        other = client.put(f"/images/{image_id}", content=photos.plain("red"))
        assert (other.status_code, other.json()["code"]) == (409, "overtaken")
        assert [json.loads(text) for text in heard()] == [first.json()]
        assert rig.stored() == {f"result:{image_id}": first.json()}
        assert telemetry.counts["batched_photos"] == 1


def test_two_at_the_same_time_are_one_result(rig: Rig, client: DoorClient) -> None:
    image_id, together = new_id(), threading.Barrier(4)
    with rig.worker(door_port=str(client.port)), ThreadPoolExecutor(4) as pool:
        heard = listen(rig, image_id)

        def put(_: int) -> str:
            together.wait(5)
            return client.put(f"/images/{image_id}", content=photos.coffee()).text

        (answer,) = set(pool.map(put, range(4)))
        assert heard() == [rig.redis.get(f"result:{image_id}")] == [answer]


def test_a_photo_that_comes_both_ways_at_once_is_one_result(rig: Rig, client: DoorClient) -> None:
    ids = [new_id() for _ in range(6)]
    with rig.worker(door_port=str(client.port)) as telemetry, ThreadPoolExecutor(6) as pool:
        heard = {image_id: listen(rig, image_id) for image_id in ids}
        for image_id in ids:
            rig.put(image_id, as_upload(photos.coffee(), image_id))

        def bring(image_id: str) -> dict[str, object]:
            rig.send(bodies.notification(rig.bucket, f"uploads/{image_id}.jpg"))
            sent = client.put(f"/images/{image_id}", content=as_upload(photos.coffee(), image_id))
            assert sent.status_code == 200, sent.text
            return dict(sent.json())

        answers = {f"result:{answer['image_id']}": answer for answer in pool.map(bring, ids)}
        rig.settles()
        assert rig.stored() == answers, "the answer is what is stored, its source kept"
        assert [len(heard[image_id]()) for image_id in ids] == [1] * 6
    assert telemetry.counts["photos_scored"] == 6


def test_photos_of_an_owner_are_theirs_alone(rig: Rig, client: DoorClient) -> None:
    image_id = new_id()
    with rig.worker(door_port=str(client.port), **OWNERS):
        for owner, colour in (("ada", "red"), ("bob", "blue")):
            sent = client.put(f"/images/{owner}/{image_id}", content=photos.plain(colour))
            assert (sent.status_code, sent.json()["owner"]) == (200, owner)
        assert set(rig.stored()) == {f"result:ada:{image_id}", f"result:bob:{image_id}"}
        new = client.post("/images/ada", content=photos.coffee()).json()
        assert rig.redis.get(f"result:ada:{new['image_id']}")


def test_newer_models_score_a_photo_once_more(rig: Rig, client: DoorClient, tmp_path: Path) -> None:
    folder = save_bundle(Halves(), tmp_path / "model" / "1", name="model")
    image_id, photo = new_id(), photos.plain("white")
    with rig.worker(door_port=str(client.port), model=str(folder), model_refresh="1") as telemetry:
        first = client.put(f"/images/{image_id}", content=photo).json()
        save_bundle(Threes(), folder / "2", name="model")
        eventually(lambda: telemetry.counts.get("model_taken_up", 0) > 0, lambda: telemetry.counts)
        second = client.put(f"/images/{image_id}", content=photo).json()
    assert [one["models"] for one in (first, second)] == [{"model": "1"}, {"model": "2"}]
    assert (first["score"], second["score"]) == (5, 3)
    assert rig.stored() == {f"result:{image_id}": second}


def test_a_photo_that_can_never_be_scored_has_its_failure_stored(rig: Rig, client: DoorClient) -> None:
    image_id = new_id()
    with rig.worker(door_port=str(client.port)):
        for data, code in (
            (b"no photo", (415, "unsupported_format")),
            (photos.truncated(), (422, "unreadable_image")),
            (samples.bomb(), (413, "too_many_pixels")),
        ):
            image_id = new_id()
            answers = [client.put(f"/images/{image_id}", content=data) for _ in range(2)]
            assert [(one.status_code, one.json()["code"]) for one in answers] == [code] * 2
            assert rig.stored()[f"result:{image_id}"]["error"]["code"] == code[1]


def test_where_photos_are_stored_s3s_own_announcement_makes_no_second_result(
    rig: Rig, client: DoorClient
) -> None:
    rig.announce_uploads()
    image_id = new_id()
    stored = {"door_bucket": rig.bucket, "door_prefix": "uploads/"}
    with rig.worker(door_port=str(client.port), **stored) as telemetry:
        answer = client.put(f"/images/{image_id}", content=photos.coffee()).json()
        kept = rig.s3.get_object(Bucket=rig.bucket, Key=f"uploads/{image_id}")
        assert kept["Body"].read() == photos.coffee()
        source = answer["source"]
        assert (source["bucket"], source["key"], source["etag"]) == (
            rig.bucket,
            f"uploads/{image_id}",
            kept["ETag"].strip('"'),
        )
        eventually(lambda: count_known(telemetry) == 1, rig.counts)
        rig.settles()
        assert telemetry.counts["photos_scored"] == 1
        other = client.put(f"/images/{image_id}", content=photos.plain("red"))
        assert (other.status_code, other.json()["code"]) == (409, "overtaken")
        assert rig.stored() == {f"result:{image_id}": answer}


def test_a_photo_that_is_stored_already_is_not_replaced(rig: Rig, client: DoorClient) -> None:
    """As after a worker that ended between storing and scoring; or when another photo is in its place."""
    stored = {"door_bucket": rig.bucket, "door_prefix": "uploads/"}
    same, other = new_id(), new_id()
    etag = rig.put(same, photos.coffee(), suffix="")
    rig.put(other, photos.plain("red"), suffix="")
    with rig.worker(door_port=str(client.port), **stored):
        scored = client.put(f"/images/{same}", content=photos.coffee())
        assert (scored.status_code, scored.json()["source"]["etag"]) == (200, etag)
        refused = client.put(f"/images/{other}", content=photos.coffee())
        assert (refused.status_code, refused.json()["code"]) == (409, "overtaken")
    assert rig.s3.get_object(Bucket=rig.bucket, Key=f"uploads/{other}")["Body"].read() == photos.plain("red")
    assert set(rig.stored()) == {f"result:{same}"}
