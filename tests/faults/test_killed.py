"""kill -9 at any point.

Expected: messages of the killed worker come again after the visibility timeout; the next worker
finds the result or makes it. Guards against: early deletes, state that only the process has.
"""

from localstack.faults.gateway import hanging
from tests.support.faults.fault_rig import FaultRig


def test_killed_before_the_write_the_photos_are_scored_by_the_next_worker(
    rig: FaultRig, photo: bytes
) -> None:
    worker = rig.start_worker()
    rig.wire.set("hang")
    rig.upload(8, photo)
    worker.wait_for("write_failed")
    worker.kill()
    rig.wire.set("open")
    assert rig.results() == {}
    rig.start_worker()
    rig.account()
    assert rig.audit.counts["redelivered"] > 0


def test_killed_between_the_write_and_the_delete_the_next_worker_finds_the_results(
    rig: FaultRig, photo: bytes
) -> None:
    worker = rig.start_worker()
    rig.gateway.break_("sqs.DeleteMessageBatch", hanging)
    rig.upload(3, photo)
    rig.wait_for_results(3)
    worker.kill()
    rig.gateway.mend()
    second = rig.start_worker()
    rig.account()
    assert second.count("already_scored") == 3
    assert second.count("scored") == 0


def test_killed_in_the_middle_of_a_load_again_and_again_every_photo_is_scored_once(
    rig: FaultRig, photo: bytes
) -> None:
    rig.upload(80, photo)
    for scored in (5, 25, 45):
        worker = rig.start_worker()
        rig.wait_for_results(scored)
        worker.kill()
    rig.start_worker()
    rig.account()


def test_killed_while_it_drains_nothing_is_lost(rig: FaultRig, photo: bytes) -> None:
    worker = rig.start_worker()
    rig.wire.set("hang")
    rig.upload(6, photo)
    worker.wait_for("write_failed")
    worker.ask_to_stop()
    worker.wait_for("draining")
    worker.kill()
    rig.wire.set("open")
    rig.start_worker()
    rig.account()
