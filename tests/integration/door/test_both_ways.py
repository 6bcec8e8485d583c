"""Photos by HTTP and by the queue, in one worker."""

import uuid

from tests.support import bodies, photos
from tests.support.doors import door_client
from tests.support.rig import Rig


def test_a_photo_is_answered_with_the_result_that_is_stored(rig: Rig) -> None:
    with door_client() as client, rig.worker(door_port=str(client.port)) as telemetry:
        answer = client.post("/images", content=photos.coffee())
        assert answer.status_code == 200, answer.text
        image_id = answer.json()["image_id"]
        assert answer.json()["status"] == "scored"
        assert answer.headers["location"] == f"/images/{image_id}"
        assert rig.stored() == {f"result:{image_id}": answer.json()}
        assert telemetry.counts["photos_scored"] == 1


def test_a_form_brings_the_same_photo(rig: Rig) -> None:
    with door_client() as client, rig.worker(door_port=str(client.port)):
        raw = client.post("/images", content=photos.coffee()).json()
        form = client.post("/images", files={"photo": photos.coffee()}).json()
        assert form["source"] == raw["source"]
        assert (form["duplicate_of"], form["score"]) == (
            {"image_id": raw["image_id"], "distance": 0, "kind": "exact"},
            raw["score"],
        )


def test_the_queue_works_beside_the_door(rig: Rig) -> None:
    with door_client() as client, rig.worker(door_port=str(client.port)):
        image_id = str(uuid.uuid4())
        rig.put(image_id, photos.coffee())
        rig.send(bodies.notification(rig.bucket, f"uploads/{image_id}.jpg"))
        answer = client.put(f"/images/{uuid.uuid4()}", content=photos.plain("red")).json()
        assert rig.result(image_id).source.via == "queue"
        assert answer["source"]["via"] == "http"
        rig.settles()
