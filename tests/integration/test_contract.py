"""Runs the code in docs/contract.md, which readers are meant to copy, against a real worker."""

import json
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import contract, photos
from tests.support.rig import Rig, count_known
from tests.support.waiting import PATIENCE, eventually
from worker.result import Result


@pytest.fixture
def copied() -> dict[str, Any]:
    return contract.functions()


@pytest.fixture
def submit(rig: Rig, copied: dict[str, Any]) -> Callable[..., str]:
    """The page's `submit_photo` for the test's bucket and queue."""

    def submit_photo(photo: bytes, queue_url: str = rig.queue_url, image_id: str | None = None) -> str:
        names = {"bucket": rig.bucket, "queue_url": queue_url, "image_id": image_id}
        return str(copied["submit_photo"](rig.s3, rig.sqs, photo, **names))

    return submit_photo


def operations(client: Any) -> set[str]:
    """A set that collects the permissions that the client's later calls need."""
    called: set[str] = set()
    service = client.meta.service_model.service_name
    client.meta.events.register("before-call", lambda model, **_: called.add(f"{service}:{model.name}"))
    return called


def test_a_photo_is_scored_without_a_notification(
    rig: Rig, copied: dict[str, Any], submit: Callable[..., str]
) -> None:
    with rig.worker() as telemetry:
        image_id = submit(photos.coffee())
        text = copied["wait_for_result"](rig.redis, image_id, PATIENCE)
        rig.settles()
        assert copied["wait_for_result"](rig.redis, image_id, PATIENCE) == text  # written before the wait
        assert telemetry.counts["batched_photos"] == 1
    result = Result.model_validate_json(text)
    assert (result.image_id, result.status) == (image_id, "scored")
    assert result.timings_ms["total"] > 0


def test_a_photo_announced_by_s3_too_is_scored_once(
    rig: Rig, copied: dict[str, Any], submit: Callable[..., str]
) -> None:
    rig.s3.put_bucket_versioning(Bucket=rig.bucket, VersioningConfiguration={"Status": "Enabled"})
    rig.announce_uploads()
    with rig.worker() as telemetry:
        image_id = submit(photos.coffee())
        result = json.loads(copied["wait_for_result"](rig.redis, image_id, PATIENCE))
        eventually(lambda: count_known(telemetry) == 1, rig.counts)
        rig.settles()
        assert telemetry.counts["photos_scored"] == 1
    newest = rig.s3.head_object(Bucket=rig.bucket, Key=f"uploads/{image_id}.jpg")["VersionId"]
    assert result["source"]["version_id"] == newest


def test_a_request_that_cannot_be_sent_is_a_warning_and_the_photo_is_scored(
    rig: Rig, copied: dict[str, Any], submit: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    rig.announce_uploads()
    with caplog.at_level(logging.WARNING):
        image_id = submit(photos.coffee(), queue_url=f"{rig.queue_url}-none")
    assert image_id in caplog.text
    with rig.worker():
        assert json.loads(copied["wait_for_result"](rig.redis, image_id, PATIENCE))["status"] == "scored"
        rig.settles()


def test_a_missing_result_is_a_timeout(rig: Rig, copied: dict[str, Any]) -> None:
    with pytest.raises(TimeoutError, match="no-such-photo"):
        copied["wait_for_result"](rig.redis, "no-such-photo", 0.1)


@pytest.mark.parametrize("by", ["page", "client"])
def test_after_a_timeout_the_same_photo_under_the_same_id_is_one_photo(
    rig: Rig, copied: dict[str, Any], submit: Callable[..., str], by: str
) -> None:
    rig.announce_uploads()
    image_id = submit(photos.coffee())
    with pytest.raises(TimeoutError):  # no worker runs
        copied["wait_for_result"](rig.redis, image_id, 0.1)
    if by == "page":
        assert submit(photos.coffee(), image_id=image_id) == image_id
    else:
        assert rig.client.submit(photos.coffee(), ".jpg", image_id=image_id) == image_id
    with rig.redis.pubsub() as pubsub, rig.worker() as telemetry:
        pubsub.subscribe(f"result:{image_id}")
        text = copied["wait_for_result"](rig.redis, image_id, PATIENCE)
        eventually(lambda: count_known(telemetry) == 3, rig.counts)  # of two requests and two notifications
        rig.settles()
        assert telemetry.counts["photos_scored"] == 1
        assert submit(photos.coffee(), image_id=image_id) == image_id  # long after
        eventually(lambda: count_known(telemetry) == 5, rig.counts)
        rig.settles()
        heard = [message["type"] for message in iter(pubsub.get_message, None)]
    assert heard == ["subscribe", "message"]
    first, (last,) = json.loads(text), rig.stored().values()
    del (
        first["source"]["sequencer"],
        last["source"]["sequencer"],
    )  # of the first message, or of the notification
    assert last == first
    assert json.loads(text)["duplicate_of"] is None


def test_the_page_names_the_rights_that_its_code_needs(rig: Rig, submit: Callable[..., str]) -> None:
    s3_rights, sqs_rights = operations(rig.s3), operations(rig.sqs)
    submit(b"photo")
    (policy,) = re.findall(r'```json\n(\{\n  "Version".*?\n\})\n```', contract.PAGE, re.DOTALL)
    assert {statement["Action"] for statement in json.loads(policy)["Statement"]} == s3_rights | sqs_rights
