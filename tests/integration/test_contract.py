"""The code that docs/contract.md offers for copying is run as it stands there, against a real worker."""

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import photos
from tests.support.rig import Rig, known
from tests.support.waiting import PATIENCE, eventually
from worker.result import Result

CONTRACT = (Path(__file__).parents[2] / "docs" / "contract.md").read_text()


@pytest.fixture
def copied() -> dict[str, Any]:
    """What the Python blocks of the page define."""
    namespace: dict[str, Any] = {"__name__": "copied"}
    for block in re.findall(r"```python\n(.*?)```", CONTRACT, re.DOTALL):
        exec(compile(block, "docs/contract.md", "exec"), namespace)  # noqa: S102 - our own page
    return namespace


@pytest.fixture
def submit(rig: Rig, copied: dict[str, Any]) -> Callable[..., str]:
    """The page's function, for this test's bucket and queue."""

    def submitted(photo: bytes, queue_url: str = rig.queue_url) -> str:
        return str(copied["submit_photo"](rig.s3, rig.sqs, photo, bucket=rig.bucket, queue_url=queue_url))

    return submitted


def operations(client: Any) -> set[str]:
    """Fills with the permissions that a client's calls need from now on."""
    called: set[str] = set()
    service = client.meta.service_model.service_name
    client.meta.events.register("before-call", lambda model, **_: called.add(f"{service}:{model.name}"))
    return called


def test_a_copied_client_gets_its_photo_scored_though_nobody_announces_it(
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


def test_in_a_versioned_bucket_announced_by_s3_it_is_scored_once(
    rig: Rig, copied: dict[str, Any], submit: Callable[..., str]
) -> None:
    rig.s3.put_bucket_versioning(Bucket=rig.bucket, VersioningConfiguration={"Status": "Enabled"})
    rig.announce_uploads()
    with rig.worker() as telemetry:
        image_id = submit(photos.coffee())
        result = json.loads(copied["wait_for_result"](rig.redis, image_id, PATIENCE))
        eventually(lambda: known(telemetry) == 1, rig.counts)
        rig.settles()
        assert telemetry.counts["photos_scored"] == 1
    newest = rig.s3.head_object(Bucket=rig.bucket, Key=f"uploads/{image_id}.jpg")["VersionId"]
    assert result["source"]["version_id"] == newest


def test_a_request_that_cannot_be_sent_is_warned_of_and_the_upload_counts(
    rig: Rig,
    copied: dict[str, Any],
    submit: Callable[..., str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig.announce_uploads()
    with caplog.at_level(logging.WARNING):
        image_id = submit(photos.coffee(), queue_url=f"{rig.queue_url}-none")
    assert image_id in caplog.text
    with rig.worker():
        assert json.loads(copied["wait_for_result"](rig.redis, image_id, PATIENCE))["status"] == "scored"
        rig.settles()


def test_a_result_that_does_not_come_is_a_timeout(rig: Rig, copied: dict[str, Any]) -> None:
    with pytest.raises(TimeoutError, match="no-such-photo"):
        copied["wait_for_result"](rig.redis, "no-such-photo", 0.1)


def test_the_rights_the_page_names_are_those_its_code_uses(rig: Rig, submit: Callable[..., str]) -> None:
    used = operations(rig.s3), operations(rig.sqs)
    submit(b"photo")
    (policy,) = re.findall(r'```json\n(\{\n  "Version".*?\n\})\n```', CONTRACT, re.DOTALL)
    assert {statement["Action"] for statement in json.loads(policy)["Statement"]} == used[0] | used[1]
