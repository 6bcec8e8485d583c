"""Every outcome of a message: what Redis holds afterwards, and where the message went."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from localstack.playground.photos import samples
from tests.support import bodies, heic, photos
from tests.support.rig import Rig
from tests.support.waiting import eventually
from worker.result import Result


def new_id() -> str:
    return str(uuid.uuid4())


def announce(rig: Rig, photo: bytes, **fields: Any) -> str:
    """Put a photo and send its notification. Returns its image id."""
    image_id = new_id()
    etag = rig.put(image_id, photo)
    rig.send(bodies.notification(rig.bucket, f"uploads/{image_id}.jpg", eTag=etag, **fields))
    return image_id


# scored, or food not recognised


def test_a_photo_in_the_bucket_is_scored(rig: Rig) -> None:
    rig.announce_uploads()
    with rig.worker():
        image_id = rig.client.upload(photos.coffee(), ".jpg")
        result = rig.result(image_id)
        rig.settles()
    assert (result.status, result.error) == ("scored", None)
    assert result.score in range(1, 6)
    assert result.tip is not None
    assert result.models == {"reference": "1"}
    labels = result.inference["reference"].labels
    assert labels is not None
    assert labels[0].name == "espresso"
    assert result.source.key == f"uploads/{image_id}.jpg"
    assert rig.redis.ttl(f"result:{image_id}") > 80_000


def test_a_photo_without_food_is_unrecognised_and_has_no_score(rig: Rig) -> None:
    image_id = announce(rig, photos.NOT_FOOD.read_bytes())
    with rig.worker():
        result = rig.result(image_id)
        rig.settles()
    assert (result.status, result.score, result.score_mean) == ("unrecognised", None, None)
    assert result.tip is not None


# bad photos


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: b"", "empty_object"),
        (lambda: b"just text, called .jpg", "unsupported_format"),
        (photos.truncated, "unreadable_image"),
        (samples.bomb, "too_many_pixels"),
        (photos.huge_heic, "too_many_pixels"),
        (lambda: heic.of_cells()[:-1], "unreadable_image"),
    ],
    ids=["empty", "text", "truncated", "bomb", "huge HEIC", "truncated HEIC"],
)
def test_a_bad_photo_gets_a_failed_result_at_once(rig: Rig, make: Callable[[], bytes], code: str) -> None:
    image_id = announce(rig, make())
    with rig.worker():
        result = rig.result(image_id)
        rig.settles()
    assert (result.status, result.score) == ("failed", None)
    assert result.error is not None
    assert result.error.code == code


@pytest.mark.parametrize("announce_size", [True, False])
def test_a_photo_with_too_many_bytes_fails_whether_its_size_was_announced_or_not(
    rig: Rig, announce_size: bool
) -> None:
    photo = photos.coffee(quality=100)
    image_id = announce(rig, photo, **({"size": len(photo)} if announce_size else {}))
    with rig.worker(max_bytes="20000"):
        result = rig.result(image_id)
        rig.settles()
    assert result.error is not None
    assert result.error.code == "too_many_bytes"


def test_a_photo_that_is_gone_from_the_bucket_fails(rig: Rig) -> None:
    image_id = new_id()
    rig.send(bodies.notification(rig.bucket, f"uploads/{image_id}.jpg"))
    with rig.worker():
        result = rig.result(image_id)
        rig.settles()
    assert result.error is not None
    assert result.error.code == "object_gone"


@pytest.mark.parametrize("make", [photos.single_pixel, photos.animated_webp], ids=["1×1", "animated WebP"])
def test_odd_but_usable_photos_are_scored(rig: Rig, make: Callable[[], bytes]) -> None:
    image_id = announce(rig, make())
    with rig.worker():
        result = rig.result(image_id)
        rig.settles()
    assert result.status in {"scored", "unrecognised"}


def test_one_bad_photo_in_a_batch_never_touches_its_neighbours(rig: Rig) -> None:
    good = [announce(rig, photos.coffee(quality=q)) for q in (70, 80, 90)]
    bad = announce(rig, photos.truncated())
    good.append(announce(rig, photos.coffee(quality=60)))
    with rig.worker():
        results = [rig.result(image_id) for image_id in good]
        failed = rig.result(bad)
        rig.settles()
    assert {result.status for result in results} == {"scored"}
    assert failed.status == "failed"


# other events


@pytest.mark.parametrize("wrap", [lambda body: body, bodies.in_sns], ids=["plain", "in SNS"])
def test_events_that_are_no_uploads_are_acknowledged_and_write_nothing(
    rig: Rig, wrap: Callable[[object], object]
) -> None:
    rig.send(wrap({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": rig.bucket}))
    rig.send(wrap(bodies.notification(rig.bucket, f"uploads/{new_id()}.jpg", event="ObjectRemoved:Delete")))
    with rig.worker():
        rig.settles()
    assert rig.stored() == {}


# scored before


def test_a_redelivered_event_costs_a_look_up_and_writes_nothing_new(rig: Rig) -> None:
    image_id = announce(rig, photos.coffee())
    with rig.worker() as telemetry:
        first = rig.result(image_id)
        rig.send(bodies.notification(rig.bucket, f"uploads/{image_id}.jpg", eTag=first.source.etag))
        rig.settles()
        assert telemetry.counts["already_scored"] == 1
        assert telemetry.counts["batched_photos"] == 1
    assert rig.result(image_id) == first


def test_an_older_event_never_overwrites_a_newer_result(rig: Rig) -> None:
    image_id = new_id()
    etag = rig.put(image_id, photos.coffee())
    key = f"uploads/{image_id}.jpg"
    rig.send(bodies.notification(rig.bucket, key, eTag=etag, sequencer="0055AED6DCD90281E5"))
    with rig.worker():
        first = rig.result(image_id)
        rig.put(image_id, photos.coffee(quality=30))
        rig.send(bodies.notification(rig.bucket, key, eTag="another", sequencer="0055AED6DCD90281"))
        rig.settles()
    assert rig.result(image_id) == first


def test_a_newer_upload_under_the_same_key_replaces_the_result(rig: Rig) -> None:
    image_id = new_id()
    key = f"uploads/{image_id}.jpg"
    first = rig.put(image_id, photos.coffee())
    rig.send(bodies.notification(rig.bucket, key, eTag=first, sequencer="0055AED6DCD90281E5"))
    with rig.worker():
        rig.result(image_id)
        second = rig.put(image_id, photos.NOT_FOOD.read_bytes())
        rig.send(bodies.notification(rig.bucket, key, eTag=second, sequencer="0055AED6DCD90281E6"))
        rig.settles()
    assert rig.result(image_id).source.etag == second


def test_another_version_of_a_model_scores_again(rig: Rig) -> None:
    image_id = announce(rig, photos.coffee())
    with rig.worker():
        first = rig.result(image_id)
        rig.settles()
    stored = json.loads(rig.redis.get(f"result:{image_id}"))
    rig.redis.set(f"result:{image_id}", json.dumps({**stored, "models": {"reference": "0"}}))
    rig.send(bodies.notification(rig.bucket, f"uploads/{image_id}.jpg", eTag=first.source.etag))
    with rig.worker() as telemetry:
        rig.settles()
        assert telemetry.counts["photos_scored"] == 1
    assert rig.result(image_id).models == {"reference": "1"}


# foreign messages


@pytest.mark.parametrize(
    "body",
    [
        "this is not JSON",
        {"some": "other", "shape": 1},
        bodies.notification("{bucket}", "uploads/no-image-id.jpg"),
        bodies.notification("another-bucket", "uploads/00000000-0000-4000-8000-000000000000.jpg"),
    ],
    ids=["no JSON", "unknown shape", "no image id", "another bucket"],
)
def test_a_foreign_message_goes_to_the_dead_letter_queue(rig: Rig, body: object) -> None:
    text = body if isinstance(body, str) else json.dumps(body).replace("{bucket}", rig.bucket)
    rig.send(text)
    with rig.worker() as telemetry:
        rig.settles(dead=1)
        assert telemetry.counts["left_to_dead_letter_queue"] >= 1
    assert rig.stored() == {}
    (dead,) = rig.sqs.receive_message(QueueUrl=rig.dead_url)["Messages"]
    assert dead["Body"] == text


# parts in trouble


def test_while_redis_fails_messages_are_released_and_scored_later(rig: Rig) -> None:
    image_id = announce(rig, photos.coffee())
    rig.redis.config_set("maxmemory", "1")  # Redis refuses writes, but answers reads
    try:
        with rig.worker(retry_delay="1") as telemetry:
            eventually(lambda: telemetry.counts.get("write_failed", 0) >= 1)
            assert rig.stored() == {}
            rig.redis.config_set("maxmemory", "0")
            assert rig.result(image_id).status == "scored"
            rig.settles()
    finally:
        rig.redis.config_set("maxmemory", "0")


def test_photos_of_a_bucket_that_is_gone_are_released_until_they_are_dead_letters(rig: Rig) -> None:
    with rig.worker() as telemetry:
        rig.s3.delete_bucket(Bucket=rig.bucket)  # NoSuchBucket is not the photo's fault
        rig.send(bodies.notification(rig.bucket, f"uploads/{new_id()}.jpg"))
        rig.settles(dead=1)
        assert telemetry.counts["released"] >= 2
    assert rig.stored() == {}


# several records, several shapes


def test_a_message_is_settled_once_all_its_records_are(rig: Rig) -> None:
    ids = [new_id() for _ in range(3)]
    for image_id in ids:
        rig.put(image_id, photos.coffee())
    rig.send(bodies.notification(rig.bucket, *(f"uploads/{image_id}.jpg" for image_id in ids)))
    with rig.worker():
        assert {rig.result(image_id).status for image_id in ids} == {"scored"}
        rig.settles()


def test_a_message_with_a_foreign_record_is_kept_and_its_other_records_are_scored(rig: Rig) -> None:
    image_id = new_id()
    rig.put(image_id, photos.coffee())
    rig.send(bodies.notification(rig.bucket, f"uploads/{image_id}.jpg", "uploads/no-image-id.jpg"))
    with rig.worker():
        assert rig.result(image_id).status == "scored"
        rig.settles(dead=1)


def shapes(bucket: str, key: str) -> list[object]:
    plain = bodies.notification(bucket, key)
    return [plain, bodies.in_sns(plain), bodies.eventbridge(bucket, key), bodies.direct(bucket, key)]


@pytest.mark.parametrize("number", range(4), ids=["notification", "SNS", "EventBridge", "direct"])
def test_every_shape_of_body_is_scored(rig: Rig, number: int) -> None:
    image_id = new_id()
    rig.put(image_id, photos.coffee())
    rig.send(shapes(rig.bucket, f"uploads/{image_id}.jpg")[number])
    with rig.worker():
        assert rig.result(image_id).status == "scored"
        rig.settles()


def test_keys_with_spaces_plus_signs_and_umlauts_find_their_object(rig: Rig) -> None:
    rig.announce_uploads()
    ids = [new_id() for _ in range(3)]
    folders = ["two words", "a+b", "Grüße & more"]
    with rig.worker():
        for folder, image_id in zip(folders, ids, strict=True):
            key = f"{folder}/{image_id}.png"
            rig.s3.put_object(Bucket=rig.bucket, Key=key, Body=photos.COFFEE.read_bytes())
        results: list[Result] = [rig.result(image_id) for image_id in ids]
        rig.settles()
    assert [r.status for r in results] == ["scored"] * 3
    assert [(r.source.key or "").split("/")[0] for r in results] == folders


def test_the_announced_version_of_an_object_is_scored(rig: Rig) -> None:
    rig.s3.put_bucket_versioning(Bucket=rig.bucket, VersioningConfiguration={"Status": "Enabled"})
    image_id = new_id()
    key = f"uploads/{image_id}.jpg"
    first = rig.s3.put_object(Bucket=rig.bucket, Key=key, Body=photos.coffee())
    rig.s3.put_object(Bucket=rig.bucket, Key=key, Body=b"text")
    rig.send(bodies.notification(rig.bucket, key, versionId=first["VersionId"]))
    with rig.worker():
        result = rig.result(image_id)
        rig.settles()
    assert (result.status, result.source.version_id) == ("scored", first["VersionId"])


def test_the_same_photo_under_another_id_names_the_first_photo(rig: Rig) -> None:
    with rig.worker():
        first, second = announce(rig, photos.coffee()), ""
        assert rig.result(first).duplicate_of is None
        second = announce(rig, photos.coffee())
        result = rig.result(second)
        rig.settles()
    assert result.duplicate_of is not None
    assert (result.duplicate_of.image_id, result.duplicate_of.distance) == (first, 0)
