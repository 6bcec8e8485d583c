"""Redis refuses connections, hangs, is read-only after a failover, has no memory, or comes back empty.

Expected: results are kept and written when Redis is back, leases are extended far beyond the
visibility timeout, the queues fill and polling stops; no photo is received twice or becomes a dead
letter. Guards against: an outage that uses up receives, threads that hang on a dead socket, a worker
that needs a restart.
"""

from collections.abc import Callable

import pytest

from tests.support.faults.fault_rig import FaultRig
from tests.support.waiting import eventually

OUTAGES: dict[str, tuple[Callable[[FaultRig], None], Callable[[FaultRig], None]]] = {
    "refused": (lambda rig: rig.wire.set("refuse"), lambda rig: rig.wire.set("open")),
    "silent": (lambda rig: rig.wire.set("hang"), lambda rig: rig.wire.set("open")),
    "frozen": (lambda rig: rig.valkey.freeze(), lambda rig: rig.valkey.thaw()),
    "read-only": (lambda rig: rig.valkey.become_replica(), lambda rig: rig.valkey.become_primary()),
    "out of memory": (lambda rig: rig.valkey.fill(), lambda rig: rig.valkey.make_room()),
    "restarted empty": (lambda rig: rig.valkey.kill(), lambda rig: rig.valkey.start()),
}


@pytest.mark.parametrize(("begin", "end"), OUTAGES.values(), ids=OUTAGES)
def test_what_was_scored_in_an_outage_is_written_when_redis_is_back(
    rig: FaultRig, photo: bytes, begin: Callable[[FaultRig], None], end: Callable[[FaultRig], None]
) -> None:
    worker = rig.start_worker()
    begin(rig)
    rig.upload(12, photo)
    worker.wait_for("write_failed", times=3)
    extended = rig.audit.counts["hidden"]
    eventually(lambda: rig.audit.counts["hidden"] >= extended + 12, rig.describe)  # each lease once more
    assert worker.health() == (0, "busy")
    end(rig)
    rig.account()
    assert rig.audit.counts["redelivered"] == 0
    assert worker.stop() == 0


def test_polling_stops_when_the_queues_are_full_and_goes_on_when_redis_is_back(
    rig: FaultRig, photo: bytes
) -> None:
    worker = rig.start_worker(upload_queue="2", outcome_queue="2", helpers="2", batch_size="2")
    rig.valkey.become_replica()
    rig.upload(40, photo)
    worker.wait_for("write_failed", times=4)
    received = rig.audit.counts["received"]
    worker.wait_for("write_failed", times=7)
    assert rig.audit.counts["received"] == received < 30
    rig.valkey.become_primary()
    rig.account()
    assert rig.audit.counts["redelivered"] == 0


def test_connections_that_break_in_the_middle_of_the_work_are_made_anew(rig: FaultRig, photo: bytes) -> None:
    rig.start_worker()
    rig.upload(30, photo)
    for scored in (3, 9, 15, 21):
        rig.wait_for_results(scored)
        rig.wire.cut()
    rig.account()
    assert rig.audit.counts["redelivered"] == 0


@pytest.mark.parametrize("lost", [1, 4], ids=["once", "for a while"])
def test_a_result_whose_answer_is_lost_after_the_write_counts_as_scored(
    rig: FaultRig, photo: bytes, lost: int
) -> None:
    """Once, redis-py itself writes again; then commit does."""
    worker = rig.start_worker()
    rig.upload(1, photo)  # from here on Redis has the script
    rig.wait_for_results(1)
    rig.wire.answers_to_lose = lost
    rig.upload(1, photo)
    rig.account()
    assert rig.wire.answers_to_lose == 0
    assert (worker.count("write_failed") > 0) == (lost > 1)
    assert (worker.count("scored"), worker.count("already_scored")) == (2, 0)
