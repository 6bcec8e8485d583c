"""The process is frozen for longer than the visibility timeout, like a paused container.

Expected: another worker gets its messages meanwhile. When the first goes on, it notices that its
leases are lost and deletes nothing with a stale receipt handle. Each result is written once. Guards
against: late deletes of messages that another worker has.
"""

from localstack.faults.gateway import hanging
from tests.support.faults.fault_rig import FaultRig
from tests.support.waiting import eventually


def test_another_worker_takes_over_and_the_first_deletes_nothing_when_it_goes_on(
    rig: FaultRig, photo: bytes
) -> None:
    first = rig.start_worker()
    rig.wire.set("hang")
    rig.upload(8, photo)
    first.wait_for("write_failed")
    first.freeze()
    rig.wire.set("open")
    rig.start_worker()
    rig.wait_for_results(8)
    first.thaw()
    first.wait_for("lease_lost", times=8)
    rig.account()
    first.wait_for("already_scored", times=8)
    assert first.count("scored") == 0
    assert first.stop() == 0


def test_a_delete_that_was_under_way_when_it_froze_does_no_harm(rig: FaultRig, photo: bytes) -> None:
    first = rig.start_worker()
    rig.gateway.break_("sqs.DeleteMessageBatch", hanging)
    rig.upload(4, photo)
    rig.wait_for_results(4)
    first.freeze()
    rig.gateway.mend()
    rig.start_worker()
    rig.account()
    first.thaw()
    assert first.stop() == 0
    rig.account()


def test_messages_that_arrived_while_it_was_frozen_are_not_its_own_when_it_goes_on(
    rig: FaultRig, photo: bytes
) -> None:
    first = rig.start_worker(receive_wait="5", visibility_timeout="20")
    first.wait_for("ignored")  # the bucket's test event
    polls = rig.gateway.begun("ReceiveMessage")
    eventually(lambda: rig.gateway.begun("ReceiveMessage") > polls)
    first.freeze()
    received = rig.audit.counts["received"]
    rig.upload(4, photo)
    eventually(lambda: rig.audit.counts["received"] > received, rig.describe)
    rig.start_worker()
    rig.account()
    first.thaw()
    # It finds out, or its poll has taken too long by now, and the messages are not looked at.
    noticed = ("already_scored", "lease_lost", "receive_failed")
    eventually(lambda: any(map(first.count, noticed)), rig.describe)
    assert first.stop() == 0
    rig.account()
