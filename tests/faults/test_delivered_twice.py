"""The same object announced twice, delivered twice, overwritten, or announced out of order.

Expected: a repeated event costs one look-up and is acknowledged; an event with an older sequencer
than the stored result never overwrites it. Guards against: scores that go back in time, photos
scored twice.
"""

from tests.support import photos
from tests.support.faults.fault_rig import FaultRig


def test_an_object_announced_again_and_again_is_scored_once(rig: FaultRig, photo: bytes) -> None:
    worker = rig.start_worker()
    ids = rig.upload(4, photo)
    rig.wait_for_results(4)
    for image_id in ids * 3:
        rig.announce(image_id)
    rig.account()
    assert worker.count("scored") == 4
    assert worker.count("already_scored") == 12


def test_an_object_announced_twice_at_the_same_moment_is_written_once(rig: FaultRig, photo: bytes) -> None:
    ids = rig.upload(6, photo)
    for image_id in ids * 2:
        rig.announce(image_id)
    workers = [rig.process(), rig.process()]
    rig.account()
    for worker in workers:
        assert worker.stop() == 0


def test_an_older_event_never_overwrites_a_newer_result(rig: FaultRig, photo: bytes) -> None:
    (image_id,) = rig.upload(1, photo)
    worker = rig.start_worker()
    rig.wait_for_results(1)
    rig.overwrite(image_id, photos.coffee("PNG"))
    rig.account()
    newest = rig.results()[image_id]
    rig.announce(image_id, eTag="another", sequencer="00")
    worker.wait_for("already_scored")
    rig.account()
    assert rig.results()[image_id] == newest
