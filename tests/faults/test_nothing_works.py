"""A service is away for longer than WORKER_GIVE_UP_AFTER.

Expected: the process exits with 1 and names the service; its messages are visible at once. Guards
against: a worker that counts as healthy while it scores nothing.
"""

from collections.abc import Callable

import pytest

from localstack.faults import gateway
from tests.support.faults.fault_rig import FaultRig
from tests.support.waiting import eventually

AWAY: dict[str, Callable[[FaultRig], None]] = {
    "S3": lambda rig: rig.gateway.break_("s3.GetObject", gateway.unavailable),
    "SQS": lambda rig: rig.gateway.break_("sqs.ReceiveMessage", gateway.unavailable),
    "Redis": lambda rig: rig.wire.set("refuse"),
}


@pytest.mark.parametrize("part", AWAY)
def test_the_worker_gives_up_and_holds_nothing_back(rig: FaultRig, photo: bytes, part: str) -> None:
    worker = rig.start_worker(give_up_after="5", visibility_timeout="300", receive_wait="0", retry_delay="1")
    AWAY[part](rig)
    rig.upload(3, photo)
    assert worker.wait() == 1
    # Messages are released with a delay that grows by receive count.
    eventually(lambda: rig.in_flight() == 0, rig.describe, 10)
    (failure,) = worker.events("stage_failed")
    assert f"{part} fails" in str(failure["exception"])
    rig.gateway.mend()
    rig.wire.set("open")
    rig.start_worker()
    rig.account()
