"""Whoever reads the log or the metrics stands still, has gone, or was never there.

Expected: photos are scored all the same, a stop ends in time, and the exit code is the documented
one. Guards against: threads that hang in a write to a full pipe, and Python's own exit code 120,
when it cannot flush stderr at its end.
"""

import pytest

from tests.support.faults.fault_rig import FaultRig
from tests.support.waiting import eventually

STDOUT, STDERR = 1, 2
DEADLINE = 10  # seconds that a stop may take

# A worker whose stdout or stderr is a full pipe that nobody reads, one whose reader has gone, or closed.
WORKER = """
import fcntl, os, sys
reader, pipe = os.pipe()
os.write(pipe, b"-" * fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ))
os.set_inheritable(reader, "{how}" == "full")
os.dup2(pipe, {descriptor})
if "{how}" == "closed":
    os.close({descriptor})
os.execv(sys.executable, [sys.executable, "-X", "faulthandler", "-W", "always", "-m", "worker"])
"""


def program(how: str, descriptor: int = STDERR) -> str:
    return WORKER.format(how=how, descriptor=descriptor)


@pytest.mark.parametrize(
    ("how", "descriptor", "metrics"),
    [
        ("full", STDERR, "none"),
        ("gone", STDERR, "none"),
        ("closed", STDERR, "none"),
        ("full", STDOUT, "emf"),
        ("gone", STDOUT, "emf"),
        ("closed", STDOUT, "none"),
    ],
)
def test_photos_are_scored_and_a_stop_ends_in_time_with_0(
    rig: FaultRig, photo: bytes, how: str, descriptor: int, metrics: str
) -> None:
    worker = rig.process(
        program=program(how, descriptor),
        metrics=metrics,
        metrics_interval="1",
        log_level="debug",
        drain_deadline=str(DEADLINE),
    )
    rig.upload(40, photo)
    rig.account()
    assert worker.health()[0] == 0
    worker.ask_to_stop()
    assert worker.wait(DEADLINE) == 0
    assert rig.in_flight() == 0


@pytest.mark.parametrize("how", ["full", "gone", "closed"])
def test_a_wrong_setting_ends_it_with_2(rig: FaultRig, how: str) -> None:
    assert rig.process(program=program(how), batch_size="0").wait() == 2
    assert rig.process(program=program(how), model="docs").wait() == 2


def test_an_outage_that_lasts_ends_it_with_1(rig: FaultRig, photo: bytes) -> None:
    worker = rig.process(program=program("gone"), give_up_after="3")
    rig.upload(1, photo)
    rig.wait_for_results(1)
    rig.wire.set("hang")
    rig.upload(3, photo)
    assert worker.wait() == 1
    assert rig.in_flight() == 0
    rig.wire.set("open")
    rig.start_worker()
    rig.account()


def test_a_drain_that_does_not_end_ends_it_with_3(rig: FaultRig, photo: bytes) -> None:
    worker = rig.process(
        program=program("full"), log_level="debug", drain_deadline=str(DEADLINE), visibility_timeout="300"
    )
    rig.upload(1, photo)
    rig.wait_for_results(1)
    rig.wire.set("hang")
    rig.upload(3, photo)
    eventually(lambda: rig.in_flight() == 3, rig.describe)
    worker.ask_to_stop()
    assert worker.wait() == 3
    assert rig.in_flight() == 0
    rig.wire.set("open")
    rig.start_worker()
    rig.account()
