"""A photo that ends the process of every worker that scores it, as a crash in native code or the kernel does.

Expected: an orchestrator starts the workers again and again; all other photos are scored, and that
photo alone becomes a dead letter. Guards against: neighbours that use up their receives with it.
"""

import pytest

from tests.support.faults.fault_rig import FaultRig
from tests.support.photos import plain

FATAL = """
import os, signal, sys
from worker.inference import prediction
predict = prediction.predict
def fatal(replica, batch):
    if any(photo.pixels.min() == 255 for photo in batch):
        os.kill(os.getpid(), signal.SIGKILL)
    return predict(replica, batch)
prediction.predict = fatal
from worker.cli import main
sys.exit(main(["run"]))
"""


@pytest.mark.parametrize("size", [1, 3])
def test_a_photo_that_ends_every_process_takes_no_other_photo_with_it(
    rig: FaultRig, photo: bytes, size: int
) -> None:
    good = rig.upload(20, photo)
    rig.upload(1, plain("white"), bad=True)
    good += rig.upload(20, photo)
    workers = [rig.process(program=FATAL) for _ in range(size)]

    def start_again() -> None:
        for number, worker in enumerate(workers):
            if worker.has_ended():
                workers[number] = rig.process(program=FATAL)

    rig.settles(dead=1, patience=300, meanwhile=start_again)
    rig.account(dead=1)
    assert set(rig.results()) == set(good)
    most, next_most = (times for _, times in rig.audit.receives.most_common(2))
    assert most == 5  # the fatal one's; then it was a dead letter
    # The others: twice in its company, at most once in line behind it, and once more to be scored.
    assert next_most <= 4
