"""Copies of one photo while things fail.

Expected: exactly one is the original, all others name it, and each gets a score even if the look-up
fails. Guards against: two originals after a crash, a copy that waits for its original or is lost.
"""

from tests.support.faults.fault_rig import FaultRig


def originals(rig: FaultRig) -> tuple[list[str], set[str]]:
    """Return the images that are not copies, and those that copies name as their original."""
    results = rig.results()
    named = {one["duplicate_of"]["image_id"] for one in results.values() if one["duplicate_of"]}
    return [image_id for image_id, one in results.items() if not one["duplicate_of"]], named


def test_of_copies_that_two_workers_share_while_one_is_killed_one_is_the_original(
    rig: FaultRig, photo: bytes
) -> None:
    rig.upload(30, photo, copies=True)
    doomed = rig.process()
    rig.start_worker()
    rig.wait_for_results(5)
    doomed.kill()
    rig.account()
    (original,), named = originals(rig)
    assert named == {original}


def test_copies_that_nobody_can_be_asked_about_are_scored_all_the_same(rig: FaultRig, photo: bytes) -> None:
    worker = rig.start_worker()
    rig.upload(1, photo, copies=True)
    rig.wait_for_results(1)
    rig.wire.set("refuse")
    rig.upload(6, photo, copies=True)
    worker.wait_for("write_failed", times=2)
    rig.wire.set("open")
    rig.account()
    (original,), named = originals(rig)
    assert named == {original}
    assert worker.stop() == 0
