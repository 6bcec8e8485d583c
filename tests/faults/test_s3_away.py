"""S3 throttles, answers 503, breaks connections, cuts photos short, says nothing, or is slow.

Expected: photos are released with a growing delay, polling slows down to single messages so that few
receives are used up, and all are scored when S3 is back. Guards against: `failed` results for good
photos, an outage that uses up the receives of a whole queue.
"""

import pytest

from tests.support.faults import gateway
from tests.support.faults.fault_rig import FaultRig

FAULTS = [gateway.unavailable, gateway.throttle, gateway.reset, gateway.cut_short, gateway.hanging]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_photos_wait_until_s3_is_back(rig: FaultRig, photo: bytes, fault: gateway.Fault) -> None:
    worker = rig.start_worker()
    rig.gateway.break_("s3.GetObject", fault)
    rig.upload(4, photo)
    worker.wait_for("released", times=4)
    assert rig.results() == {}
    rig.gateway.mend()
    rig.account()
    assert worker.count("failed") == 0


def test_a_long_outage_does_not_wear_the_queue_out(rig: FaultRig, photo: bytes) -> None:
    worker = rig.start_worker(upload_queue="2", helpers="2")
    rig.gateway.break_("s3.GetObject", gateway.unavailable)
    rig.upload(60, photo)
    # By then every receive is a single message, seconds after the one before.
    worker.wait_for("released", times=10)
    assert rig.audit.counts["received"] < 40
    rig.gateway.mend()
    rig.account()


@pytest.mark.parametrize("late", [gateway.slow(5), gateway.trickling(5)], ids=["at once", "in pieces"])
def test_slow_answers_only_take_longer(rig: FaultRig, photo: bytes, late: gateway.Fault) -> None:
    worker = rig.start_worker()
    rig.gateway.break_("s3.GetObject", late)  # for longer than the visibility timeout
    rig.upload(6, photo)
    rig.account()
    assert rig.audit.counts["redelivered"] == 0
    assert worker.count("released") == 0
