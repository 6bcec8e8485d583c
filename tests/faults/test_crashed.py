"""A bug: a stage raises an unexpected error.

Expected: unfinished messages are visible again at once, the process exits with 1 within seconds,
another worker goes on. Guards against: a pipeline that goes on without a stage, or hangs.
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
        ("prepare.Prepare.step", "uploads"),
        ("infer.Infer._step", "outcomes"),
        ("commit.Commit.step", "outcomes"),
    ],
)
def test_a_stage_that_raises_ends_the_worker_and_what_is_undone_is_visible_at_once(
    rig: FaultRig, photo: bytes, step: str, queue: str
) -> None:
    program = RAISING.format(module=step.partition(".")[0], step=step, queue=queue)
    rig.upload(40, photo)
    worker = rig.process(program=program, visibility_timeout="300")
    assert worker.wait() == 1
    assert rig.in_flight() == 0
    (failure,) = worker.events("stage_failed")
    assert "a fault of our own" in str(failure["exception"])
    rig.start_worker()
    rig.account()
