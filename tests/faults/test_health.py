"""`python -m worker health` for a worker that starts, idles, works, drains, freezes and dies.

Expected: a word for each; only `wedged` and `gone` are unhealthy. Guards against: a dead poller that
counts as healthy, and a check that kills a slow worker.
"""

from tests.support.faults.fault_rig import FaultRig
from tests.support.waiting import eventually


def test_a_life_as_the_health_check_sees_it(rig: FaultRig, photo: bytes) -> None:
    worker = rig.process(stall_after="33", drain_deadline="60", engine="tensorflow")  # which is slow to start
    worker.wait_for("warming_up")
    assert worker.health() == (0, "starting")
    worker.wait_for("ignored")  # the bucket's test event: from now on there is nothing to do
    eventually(lambda: worker.health() == (0, "idle"))
    rig.wire.set("hang")
    rig.upload(3, photo)
    worker.wait_for("write_failed")
    eventually(lambda: worker.health() == (0, "busy"))
    worker.ask_to_stop()
    worker.wait_for("draining")
    eventually(lambda: worker.health() == (0, "draining"))
    rig.wire.set("open")
    assert worker.wait() == 0
    assert worker.health() == (1, "gone")
    rig.start_worker()
    rig.account()


def test_a_process_that_stands_still_is_wedged_until_it_goes_on(rig: FaultRig, photo: bytes) -> None:
    worker = rig.start_worker(stall_after="30", receive_wait="0")
    eventually(
        lambda: rig.audit.counts["deleted"] == 1, rig.describe
    )  # the bucket's test event: no lease is left
    worker.freeze()
    eventually(lambda: worker.health() == (1, "wedged"), worker.health, patience=60)
    worker.thaw()
    eventually(lambda: worker.health()[0] == 0)
    rig.upload(2, photo)
    rig.account()


def test_a_killed_worker_is_gone_though_its_state_file_is_there(rig: FaultRig) -> None:
    worker = rig.start_worker()
    worker.kill()
    assert worker.state_file.exists()
    assert worker.health() == (1, "gone")
