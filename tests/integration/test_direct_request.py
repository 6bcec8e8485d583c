"""Direct requests: a photo is scored once, whenever S3's own notification comes.

LocalStack's notification comes within milliseconds, AWS's after a second: so some tests let S3 announce to another
queue, and pass its message on when they please.
"""

from typing import Any

import pytest

from tests.support import photos
from tests.support.rig import Rig, count_known
from tests.support.waiting import eventually
from worker import settings
from worker.client import Client
from worker.errors import ConfigurationError, NoImageIdError
from worker.telemetry.counters import Telemetry

WRITES = ("set", "evalsha", "eval", "publish")


class Announcements:
    """S3's notifications, held back in a queue of their own."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._url = rig.sqs.create_queue(QueueName=f"{rig.name}-held-back")["QueueUrl"]
        rig.announce_uploads(self._url)
        assert "s3:TestEvent" in self.take()

    def take(self) -> str:
        """Take the next one out of that queue. Returns its body."""
        answer = self._rig.sqs.receive_message(QueueUrl=self._url, WaitTimeSeconds=10)
        (message,) = answer["Messages"]
        self._rig.sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return str(message["Body"])

    def pass_on(self) -> None:
        """Send the next one to the worker's queue."""
        self._rig.send(self.take())


@pytest.fixture
def announcements(rig: Rig) -> Announcements:
    return Announcements(rig)


def redis_calls(rig: Rig, *commands: str) -> int:
    """How often Redis has run any of these commands."""
    stats: dict[str, Any] = rig.redis.info("commandstats")
    return sum(stats.get(f"cmdstat_{command}", {}).get("calls", 0) for command in commands)


def score_and_overwrite(rig: Rig) -> tuple[str, str]:
    """Score a photo, then other bytes under its key. Returns its image id and the newest ETag."""
    image_id = rig.client.submit(photos.coffee(), ".jpg")
    rig.result(image_id)
    etag = rig.put(image_id, photos.NOT_FOOD.read_bytes())
    rig.send({"image_id": image_id, "bucket": rig.bucket, "key": f"uploads/{image_id}.jpg", "etag": etag})
    eventually(lambda: rig.result(image_id).source.etag == etag)
    rig.settles()
    return image_id, etag


# each photo is scored once


@pytest.mark.usefixtures("announcements")
def test_a_submitted_photo_is_scored_before_s3_announces_it(rig: Rig) -> None:
    with rig.worker() as telemetry:
        result = rig.result(rig.client.submit(photos.coffee(), ".jpg"))
        rig.settles()
        assert telemetry.counts["messages_received"] == 1
    assert result.status == "scored"
    assert result.source.etag is not None
    assert {"notify", "queue"} <= set(result.timings_ms)


def test_the_later_notification_costs_one_look_up_and_no_scoring(
    rig: Rig, announcements: Announcements
) -> None:
    with rig.worker() as telemetry:
        image_id = rig.client.submit(photos.coffee(), ".jpg")
        first = rig.result(image_id)
        rig.settles()
        looked, written = redis_calls(rig, "get"), redis_calls(rig, *WRITES)
        announcements.pass_on()
        eventually(lambda: telemetry.counts.get("already_scored") == 1, rig.counts)
        rig.settles()
        assert redis_calls(rig, "get") == looked + 1
        assert redis_calls(rig, *WRITES) == written
        assert telemetry.counts["batched_photos"] == 1
    assert rig.result(image_id) == first


def test_the_notification_may_come_first(rig: Rig, announcements: Announcements) -> None:
    with rig.worker() as telemetry:
        image_id = rig.client.upload(photos.coffee(), ".jpg")
        announcements.pass_on()
        first = rig.result(image_id)
        rig.settles()
        rig.send({**first.source.model_dump(include={"bucket", "key", "etag"}), "image_id": image_id})
        eventually(lambda: telemetry.counts.get("already_scored") == 1, rig.counts)
        rig.settles()
        assert telemetry.counts["batched_photos"] == 1
    assert rig.result(image_id) == first


def test_both_at_once_give_one_result(rig: Rig, announcements: Announcements) -> None:
    image_id = rig.client.submit(photos.coffee(), ".jpg")
    announcements.pass_on()
    with rig.worker() as telemetry:
        assert rig.result(image_id).status == "scored"
        eventually(lambda: count_known(telemetry) == 1, rig.counts)
        rig.settles()
        assert telemetry.counts["photos_scored"] == 1


def test_with_real_notifications_each_photo_is_scored_once_and_the_queue_is_empty(rig: Rig) -> None:
    rig.announce_uploads()
    with rig.worker() as telemetry:
        ids = [rig.client.submit(photos.coffee(quality=quality), ".jpg") for quality in (60, 70, 80, 90)]
        assert {rig.result(image_id).status for image_id in ids} == {"scored"}
        eventually(lambda: count_known(telemetry) == 4, rig.counts)
        rig.settles()
        assert telemetry.counts["photos_scored"] == 4
    assert len(rig.stored()) == 4


def test_in_a_versioned_bucket_the_uploaded_version_is_scored_once(rig: Rig) -> None:
    rig.s3.put_bucket_versioning(Bucket=rig.bucket, VersioningConfiguration={"Status": "Enabled"})
    announcements = Announcements(rig)
    with rig.worker() as telemetry:
        image_id = rig.client.submit(photos.coffee(), ".jpg")
        result = rig.result(image_id)
        rig.settles()
        announcements.pass_on()
        eventually(lambda: telemetry.counts.get("already_scored") == 1, rig.counts)
        rig.settles()
        assert telemetry.counts["batched_photos"] == 1
    newest = rig.s3.head_object(Bucket=rig.bucket, Key=result.source.key)
    assert result.source.version_id == newest["VersionId"]


# keys that S3 would announce as another photo, or as none


def test_a_folder_may_lack_its_slash(rig: Rig, announcements: Announcements) -> None:
    client = Client(settings.load(rig.environment), prefix="uploads")
    with rig.worker() as telemetry:
        image_id = client.submit(photos.coffee(), ".jpg")
        assert rig.result(image_id).source.key == f"uploads/{image_id}.jpg"
        rig.settles()
        announcements.pass_on()
        eventually(lambda: telemetry.counts.get("already_scored") == 1, rig.counts)
        rig.settles()


def test_a_pattern_may_want_no_slash_or_an_extension(rig: Rig) -> None:
    changed = rig.environment | {"WORKER_IMAGE_ID_PATTERN": r"^photo-(?P<image_id>[^/.]+)\.jpg$"}
    client = Client(settings.load(changed), prefix="photo-")
    image_id = client.submit(photos.coffee(), ".jpg")
    rig.s3.head_object(Bucket=rig.bucket, Key=f"photo-{image_id}.jpg")


def test_a_key_that_names_another_photo_is_not_stored(rig: Rig) -> None:
    changed = rig.environment | {"WORKER_IMAGE_ID_PATTERN": r"(?P<image_id>[^/]+)$"}
    for send in (client := Client(settings.load(changed))).submit, client.upload:
        with pytest.raises(NoImageIdError, match=r"names the image id [\w-]+\.jpg, not [\w-]+$"):
            send(photos.coffee(), ".jpg")
    assert "Contents" not in rig.s3.list_objects_v2(Bucket=rig.bucket)


def test_a_prefix_whose_keys_name_no_photo_is_refused(rig: Rig) -> None:
    changed = rig.environment | {"WORKER_IMAGE_ID_PATTERN": r"^photos/(?P<image_id>[^/.]+)"}
    with pytest.raises(ConfigurationError, match=r"the key 'uploads/[0-9a-f-]+\.jpg' names no image id"):
        Client(settings.load(changed), prefix="uploads/")


# a request that cannot be sent


def test_without_a_request_the_notification_is_enough(rig: Rig, announcements: Announcements) -> None:
    telemetry = Telemetry()
    elsewhere = {**rig.environment, "WORKER_QUEUE_URL": f"{rig.queue_url}-none"}
    image_id = Client(settings.load(elsewhere), telemetry).submit(photos.coffee(), ".jpg")
    assert telemetry.counts == {"request_failed": 1}
    with rig.worker():
        announcements.pass_on()
        assert rig.result(image_id).status == "scored"
        rig.settles()


# a photo that is overwritten


def test_an_overwritten_photo_is_scored_again_and_late_notifications_change_nothing(
    rig: Rig, announcements: Announcements
) -> None:
    with rig.worker() as telemetry:
        image_id, etag = score_and_overwrite(rig)
        for _ in range(2):  # for the old bytes, then for the new ones
            announcements.pass_on()
            rig.settles()
        eventually(lambda: count_known(telemetry) == 2, rig.counts)
        assert telemetry.counts["photos_scored"] + telemetry.counts["photos_unrecognised"] == 2
    assert rig.result(image_id).source.etag == etag


def test_in_a_versioned_bucket_late_notifications_of_old_versions_change_nothing(rig: Rig) -> None:
    rig.s3.put_bucket_versioning(Bucket=rig.bucket, VersioningConfiguration={"Status": "Enabled"})
    announcements = Announcements(rig)
    with rig.worker() as telemetry:
        image_id, etag = score_and_overwrite(rig)
        for number, body in enumerate(reversed([announcements.take() for _ in range(2)]), start=1):
            rig.send(body)  # newer version first: it is known already, so its sequencer is not stored
            eventually(lambda number=number: count_known(telemetry) == number, rig.counts)  # type: ignore[misc] # mypy cannot infer it
        rig.settles()
    assert rig.result(image_id).source.etag == etag


def test_with_versioning_suspended_the_second_photo_under_a_key_replaces_the_first(rig: Rig) -> None:
    rig.s3.put_bucket_versioning(Bucket=rig.bucket, VersioningConfiguration={"Status": "Suspended"})
    announcements = Announcements(rig)
    key = "uploads/00000000-0000-4000-8000-000000000000.jpg"
    with rig.worker() as telemetry:
        for number, photo in enumerate([photos.coffee(), photos.NOT_FOOD.read_bytes()], start=1):
            etag = rig.s3.put_object(Bucket=rig.bucket, Key=key, Body=photo)["ETag"].strip('"')
            request = {"bucket": rig.bucket, "key": key, "etag": etag, "version_id": "null"}
            rig.send(request)
            eventually(lambda etag=etag: [s["source"]["etag"] for s in rig.stored().values()] == [etag])  # type: ignore[misc] # mypy cannot infer it
            announcements.pass_on()
            eventually(lambda number=number: count_known(telemetry) == number, rig.counts)  # type: ignore[misc] # mypy cannot infer it
        rig.settles()
    (stored,) = rig.stored().values()
    assert (stored["status"], stored["source"]["version_id"]) == ("unrecognised", None)
