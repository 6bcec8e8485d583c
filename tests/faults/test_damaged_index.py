"""Keys of the index in Redis are damaged: values that no worker wrote.

Expected: the photos that meet them are scored like all others, and the index works again. Guards
against: one result that Redis refuses, and that keeps all others from being written, for ever.
"""

from tests.support.faults.fault_rig import FaultRig

PHOTOS = 5


def test_photos_whose_bucket_is_damaged_are_scored_at_once(rig: FaultRig, photo: bytes) -> None:
    worker = rig.start_worker()
    (first,) = rig.upload(1, photo)
    rig.wait_for_results(1)
    damaged = rig.redis.keys("seen:phash-1:0:*")
    assert len(damaged) == 1
    for key in damaged:
        rig.redis.append(key, "no entry")
    ids = rig.upload(PHOTOS, photo)
    rig.account()
    assert {worker.count("write_failed"), worker.count("released"), rig.audit.counts["redelivered"]} == {0}
    results = rig.results()
    assert {results[image_id]["duplicate_of"]["image_id"] for image_id in ids} <= {first, *ids}
    assert worker.stop() == 0
