"""S3 throttles, answers 503, breaks connections, cuts photos short, says nothing, or is slow.

Expected: photos wait under their leases, one probes at a time, and all are scored when S3 is back; no
photo is received twice. Guards against: `failed` results for good photos, an outage that uses up the
receives of a queue.
"""

import itertools
import time

import pytest

from localstack.faults import gateway
from localstack.worker_process import WorkerProcess
from tests.support.faults.fault_rig import FaultRig
from tests.support.waiting import eventually

ALL_RECEIVES = 20.0  # seconds, longer than five receives with delays of 1, 2, 2, 2 and 2 s
FAULTS = [gateway.unavailable, gateway.throttle, gateway.reset, gateway.cut_short, gateway.hanging]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_photos_wait_until_s3_is_back(rig: FaultRig, photo: bytes, fault: gateway.Fault) -> None:
    worker = rig.start_worker()
    rig.gateway.break_("s3.GetObject", fault)
    rig.upload(4, photo)
    worker.wait_for("fetch_failed", times=3)
    extended = rig.audit.counts["hidden"]
    eventually(lambda: rig.audit.counts["hidden"] >= extended + 4, rig.describe)  # the leases go on
    assert rig.results() == {}
    rig.gateway.mend()
    rig.account()
    assert rig.audit.counts["redelivered"] == 0
    assert worker.count("failed") == 0


def wait_for_another_failure(rig: FaultRig, workers: list[WorkerProcess]) -> None:
    def failures() -> int:
        return sum(worker.count("fetch_failed") for worker in workers)

    before = failures()
    eventually(lambda: failures() > before, rig.describe)


@pytest.mark.parametrize("number", [1, 3])
def test_an_outage_longer_than_all_receives_costs_none(rig: FaultRig, photo: bytes, number: int) -> None:
    workers = [rig.process() for _ in range(number)]
    for worker in workers:
        worker.wait_for("polling")
    rig.gateway.break_("s3.GetObject", gateway.unavailable)
    begun = time.monotonic()
    while time.monotonic() - begun < ALL_RECEIVES:  # photos arrive all the time
        rig.upload(number, photo)
        wait_for_another_failure(rig, workers)
    rig.gateway.mend()
    rig.account()
    assert rig.audit.counts["redelivered"] == 0
    assert not any(worker.count("released") for worker in workers)


def test_an_outage_does_not_take_the_whole_queue(rig: FaultRig, photo: bytes) -> None:
    worker = rig.start_worker(upload_queue="2", helpers="2")
    rig.gateway.break_("s3.GetObject", gateway.unavailable)
    rig.upload(60, photo)
    # By then every receive is a single message, seconds after the one before.
    worker.wait_for("fetch_failed", times=8)
    assert rig.audit.counts["received"] < 40
    rig.gateway.mend()
    rig.account()
    assert rig.audit.counts["redelivered"] == 0


def test_a_stop_gives_back_the_photos_that_wait(rig: FaultRig, photo: bytes) -> None:
    worker = rig.start_worker(visibility_timeout="300")
    rig.gateway.break_("s3.GetObject", gateway.unavailable)
    rig.upload(6, photo)
    worker.wait_for("fetch_failed", times=3)
    eventually(lambda: rig.in_flight() == 6, rig.describe)
    assert worker.stop() == 0
    assert rig.in_flight() == 0
    rig.gateway.mend()
    rig.start_worker()
    rig.account()


def test_photos_of_another_bucket_flow_meanwhile(rig: FaultRig, photo: bytes) -> None:
    other = rig.add_bucket()
    rig.gateway.break_("s3.GetObject", gateway.where(f"/{other}/", gateway.unavailable))
    worker = rig.start_worker(buckets=f"{rig.bucket},{other}", give_up_after="5")
    away = rig.upload(3, photo, bucket=other)
    worker.wait_for("fetch_failed", times=3)
    begun = time.monotonic()
    for number in itertools.count(1):
        rig.upload(1, photo)
        rig.wait_for_results(number)
        if time.monotonic() - begun > ALL_RECEIVES:  # far longer than the worker's patience
            break
    assert not set(away) & set(rig.results())
    rig.gateway.mend()
    rig.account()
    assert rig.audit.counts["redelivered"] == 0


@pytest.mark.parametrize("late", [gateway.slow(5), gateway.trickling(5)], ids=["at once", "in pieces"])
def test_slow_answers_only_take_longer(rig: FaultRig, photo: bytes, late: gateway.Fault) -> None:
    worker = rig.start_worker()
    rig.gateway.break_("s3.GetObject", late)  # for longer than the visibility timeout
    rig.upload(6, photo)
    rig.account()
    assert rig.audit.counts["redelivered"] == 0
    assert worker.count("released") == 0
