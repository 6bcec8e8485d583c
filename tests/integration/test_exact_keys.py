"""Keys that look like paths, on LocalStack: read, listed and announced as they are, from no other bucket."""

import time
import uuid

import pytest

from tests.support import photos
from tests.support.keys import KEYS
from tests.support.rig import Rig
from tests.support.waiting import eventually
from worker.adapters.aws import s3
from worker.errors import ObjectGoneError
from worker.intake import events
from worker.intake.events import Announced
from worker.messages import S3Object

STORABLE = [key for key in KEYS if key != "/"]  # LocalStack takes that one for no key


@pytest.fixture(params=["by libcurl", "by boto3"])
def storage(request: pytest.FixtureRequest, rig: Rig) -> s3.Photos:
    """A client that fetches in one of its two ways."""
    storage = s3.Photos(1, time.monotonic)
    storage.check(rig.bucket)
    if request.param == "by boto3":
        storage._fetch_by_curl = lambda *_: None  # type: ignore[method-assign] # boto3 takes over
    return storage


def test_each_key_is_stored_listed_and_fetched_as_it_is(rig: Rig, storage: s3.Photos) -> None:
    for key in STORABLE:
        assert storage.put(rig.bucket, key, key.encode()).key == key
    listed = [s3_object for s3_object, _ in storage.list(rig.bucket)]
    assert {s3_object.key for s3_object in listed} == set(STORABLE)
    for s3_object in listed:
        assert b"".join(storage.fetch(s3_object, 1000).pieces) == s3_object.key.encode()


def test_a_key_leads_to_no_other_bucket_or_object(rig: Rig, storage: s3.Photos) -> None:
    private = f"{rig.bucket}-private"
    rig.s3.create_bucket(Bucket=private)
    for bucket, key in ((private, "photo"), (rig.bucket, "photo"), (rig.bucket, "a/photo")):
        rig.s3.put_object(Bucket=bucket, Key=key, Body=b"private")
    for key in (f"../{private}/photo", f"x/../../{private}/photo", "./photo", "b/../photo", "a/./photo"):
        with pytest.raises(ObjectGoneError):
            storage.fetch(S3Object(rig.bucket, key), 1000)


def test_each_key_is_announced_as_it_is(rig: Rig) -> None:
    rig.announce_uploads()
    for key in STORABLE:
        rig.s3.put_object(Bucket=rig.bucket, Key=key, Body=b"x")
    announced = set[str]()

    def all_came() -> bool:
        answer = rig.sqs.receive_message(QueueUrl=rig.queue_url, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            found = (record for record in events.read(message["Body"]) if isinstance(record, Announced))
            announced.update(record.object.key for record in found)
            rig.sqs.delete_message(QueueUrl=rig.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return len(announced) >= len(STORABLE)

    eventually(all_came, lambda: set(STORABLE) - announced)
    assert announced == set(STORABLE)


def test_a_request_for_a_photo_of_another_bucket_by_dots_ends_as_gone(rig: Rig) -> None:
    private, image_id = f"{rig.bucket}-private", str(uuid.uuid4())
    rig.s3.create_bucket(Bucket=private)
    rig.put(image_id, photos.coffee(), bucket=private)
    with rig.worker():
        rig.send({"bucket": rig.bucket, "key": f"x/../../{private}/uploads/{image_id}.jpg"})
        error = rig.result(image_id).error
        rig.settles()
    assert error is not None
    assert error.code == "object_gone"
