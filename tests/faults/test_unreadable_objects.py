"""S3 refuses single objects, or gives one byte by byte, while others can be read.

Expected: the others are scored at once, polling never pauses, the worker never ends; what may be
mended becomes a dead letter, what is archived gets a `failed` result. Guards against: objects that
count as an outage of S3.
"""

import time

import pytest

from localstack.faults import gateway
from tests.support.faults.fault_rig import FaultRig
from tests.support.waiting import eventually

FOLDER = "uploads/locked"
PROMPTLY = 5.0  # seconds; a pause of an outage would be longer soon
PATIENCE = "5"  # seconds: WORKER_GIVE_UP_AFTER
ROUNDS = 12  # a second each: longer than the worker's patience


def lock(rig: FaultRig, status: int, code: str) -> None:
    """Let S3 refuse the objects of a folder."""
    rig.gateway.break_("s3.GetObject", gateway.where(f"/{FOLDER}/", gateway.refusal(status, code)))


def is_scored(rig: FaultRig, image_id: str) -> bool:
    return bool(rig.results().get(image_id, {}).get("status") == "scored")


def test_good_photos_flow_among_objects_that_may_not_be_read(rig: FaultRig, photo: bytes) -> None:
    lock(rig, 403, "AccessDenied")
    worker = rig.start_worker(give_up_after=PATIENCE)
    for _ in range(ROUNDS):
        begun = time.monotonic()
        rig.upload(1, photo, folder=FOLDER, bad=True)
        (good,) = rig.upload(1, photo)
        eventually(lambda good=good: is_scored(rig, good), rig.describe, PROMPTLY)  # type: ignore[misc]
        eventually(lambda begun=begun: time.monotonic() - begun > 1)  # type: ignore[misc]
    rig.account(dead=ROUNDS)
    assert {event["code"] for event in worker.events("released")} == {"access_denied"}
    assert worker.count("worked_alone") == 0  # they come often, and harm nobody
    assert worker.count("fetch_failed") == 0
    assert worker.stop() == 0


@pytest.mark.parametrize(
    ("status", "answer", "code"),
    [
        (403, "AccessDenied", "access_denied"),
        (400, "KMS.DisabledException", "kms_refused"),
        (404, "NoSuchBucket", "bucket_gone"),
        (400, "InvalidRequest", "object_refused"),
    ],
)
def test_objects_that_may_be_mended_come_again_and_alone_never_end_the_worker(
    rig: FaultRig, photo: bytes, status: int, answer: str, code: str
) -> None:
    lock(rig, status, answer)
    worker = rig.start_worker(give_up_after=PATIENCE)
    rig.upload(3, photo, folder=FOLDER, bad=True)
    worker.wait_for("released", times=9)
    assert {event["code"] for event in worker.events("released")} == {code}
    (good,) = rig.upload(1, photo)
    eventually(lambda: is_scored(rig, good), rig.describe, PROMPTLY)
    rig.account(dead=3)
    assert worker.stop() == 0


def test_an_archived_object_gets_a_failed_result(rig: FaultRig, photo: bytes) -> None:
    lock(rig, 403, "InvalidObjectState")
    worker = rig.start_worker()
    archived, good = set(rig.upload(3, photo, folder=FOLDER)), set(rig.upload(3, photo))
    rig.account()
    codes = {i: (result["error"] or {}).get("code") for i, result in rig.results().items()}
    assert codes == dict.fromkeys(archived, "object_archived") | dict.fromkeys(good)
    assert worker.count("released") == 0


def test_a_deleted_object_in_a_bucket_that_may_not_be_listed_harms_no_other(
    rig: FaultRig, photo: bytes
) -> None:
    rig.gateway.break_("s3.GetObject", gateway.no_right_to_list)
    (gone,) = rig.upload(1, photo, bad=True)
    rig.delete(gone)
    worker = rig.start_worker(give_up_after=PATIENCE)
    worker.wait_for("released", times=2)
    (good,) = rig.upload(1, photo)
    eventually(lambda: is_scored(rig, good), rig.describe, PROMPTLY)
    rig.account(dead=1)
    assert worker.stop() == 0


def test_a_body_that_trickles_does_not_look_like_a_worker_that_hangs(rig: FaultRig, photo: bytes) -> None:
    trickling = gateway.where(f"/{FOLDER}/", gateway.trickling(200, pieces=100))
    rig.gateway.break_("s3.GetObject", trickling)
    worker = rig.start_worker(stall_after="30", receive_wait="0")
    rig.upload(1, photo, folder=FOLDER)
    worker.wait_for("fetch_failed")
    assert "not received in 30 s" in worker.events("fetch_failed")[0]["reason"]
    (good,) = rig.upload(1, photo)
    eventually(lambda: is_scored(rig, good), rig.describe, PROMPTLY)
    rig.gateway.mend()
    rig.account()
    assert worker.stop() == 0
