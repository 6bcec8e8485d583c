"""Messages nobody can read, foreign buckets, and broken photos among good ones.

Expected: foreign messages go to the dead-letter queue, a broken photo gets a `failed` result with a
code, and all others are scored. Guards against: a message that fails its whole batch, or is deleted
without a trace.
"""

from tests.support import bodies
from tests.support.faults.fault_rig import FaultRig
from tests.support.waiting import eventually

NOT_OURS = ["no JSON", "{}", "[" * 100_000, '{"Records": 5}', '{"bucket": "another", "key": "uploads/x.jpg"}']
BROKEN = {"unsupported_format": b"%PDF-1.4 of a menu", "empty_object": b""}


def test_poison_never_touches_its_neighbours(rig: FaultRig, photo: bytes) -> None:
    bad = {code: rig.upload(1, data, copies=True)[0] for code, data in BROKEN.items()}
    bad["unreadable_image"] = rig.upload(1, photo[: len(photo) // 2])[0]
    good = rig.upload(6, photo)
    for body in NOT_OURS:
        rig.send(body)
    rig.send(bodies.notification("a-foreign-bucket", "uploads/x.jpg"))
    rig.send(bodies.notification(rig.bucket, "uploads/no-image-id.jpg"))
    rig.start_worker()
    rig.account(dead=len(NOT_OURS) + 2)
    results = rig.results()
    assert {code: results[image_id]["error"]["code"] for code, image_id in bad.items()} == {c: c for c in bad}
    assert {results[image_id]["status"] for image_id in good} == {"scored"}


def test_a_photo_that_is_deleted_before_it_is_fetched_is_said_to_be_gone(rig: FaultRig, photo: bytes) -> None:
    (image_id,) = rig.upload(1, photo)
    rig.delete(image_id)
    rig.start_worker()
    eventually(lambda: image_id in rig.results(), rig.describe)
    assert rig.results()[image_id]["error"]["code"] == "object_gone"
    rig.account()
