"""A bug: a stage raises an unexpected error.

Expected: unfinished messages are visible again once the last long poll has ended, each of them is
received exactly once more, the process exits with 1 within seconds, another worker goes on. Guards
against: a pipeline that goes on without a stage, or hangs; a dying worker that receives its own
messages again.
"""

import pytest

from tests.support.faults.fault_rig import FaultRig

RAISING = """
import sys
from worker.pipeline.queues import BoundedQueue
from worker.stages import {module}
put, real = BoundedQueue._put, {step}
def count(self, item):
    self.items = getattr(self, "items", 0) + 1
    put(self, item)
def broken(self, *arguments):
    answer = real(self, *arguments)
    if getattr(self.{queue}, "items", 0) > 8:
        raise RuntimeError("a fault of our own")
    return answer
BoundedQueue._put, {step} = count, broken
from worker.cli import main
sys.exit(main(["run"]))
"""


@pytest.mark.parametrize(
    ("step", "queue"),
    [
        ("poll.Poll.step", "uploads"),
        ("prepare.Prepare.step", "ready"),
        ("infer.Infer._step", "outcomes"),
        ("commit.Commit.step", "outcomes"),
        ("acknowledge.Acknowledge.step", "outcomes"),
    ],
)
def test_a_stage_that_raises_ends_the_worker_and_what_is_undone_is_visible_at_once(
    rig: FaultRig, photo: bytes, step: str, queue: str
) -> None:
    program = RAISING.format(module=step.partition(".")[0], step=step, queue=queue)
    rig.upload(40, photo)
    worker = rig.process(program=program, visibility_timeout="300", receive_wait="3")
    assert worker.wait() == 1
    assert rig.in_flight() == 0
    (failure,) = worker.events("stage_failed")
    assert "a fault of our own" in str(failure["exception"])
    assert max(rig.audit.receives.values()) == 1, "it took back what it had released"
    rig.start_worker()
    rig.account()
    assert max(rig.audit.receives.values()) == 2
