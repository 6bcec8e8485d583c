"""The model refuses a photo, has no memory for a batch, or never comes back.

Expected: a refused batch is halved until the bad photo is alone, and becomes a dead letter; after
running out of memory, larger batches are not tried again; a call that hangs ends the process, and
another worker goes on. Guards against: a photo that fails its batch forever, a hanging worker that
counts as healthy.
"""

import re
from pathlib import Path

from tests.support.faults.fault_rig import FaultRig
from tests.support.faults.models import Hangs, NeedsRoom
from tests.support.models import RefusesRed, save_bundle
from tests.support.photos import plain
from tests.support.waiting import eventually


def test_the_guilty_photo_alone_becomes_a_dead_letter(rig: FaultRig, tmp_path: Path) -> None:
    model = save_bundle(RefusesRed(), tmp_path / "refuses" / "1", name="refuses")
    rig.upload(1, plain("red"), bad=True)
    good = rig.upload(7, plain("blue"))
    rig.start_worker(model=str(model), replicas="1", retry_delay="0", retry_delay_max="0")
    rig.account(dead=1)
    assert set(rig.results()) == set(good)


def test_one_photo_refused_over_and_over_is_no_outage_of_the_model(rig: FaultRig, tmp_path: Path) -> None:
    model = save_bundle(RefusesRed(), tmp_path / "refuses" / "1", name="refuses")
    worker = rig.start_worker(model=str(model), give_up_after="5")
    rig.upload(1, plain("red"), bad=True)
    rig.account(dead=1)  # after tries that take longer than the worker's patience
    rig.upload(1, plain("blue"))
    rig.account(dead=1)
    assert worker.stop() == 0


def test_without_memory_for_a_batch_smaller_ones_are_tried_for_good(rig: FaultRig, tmp_path: Path) -> None:
    model = save_bundle(NeedsRoom(), tmp_path / "room" / "1", name="room")
    rig.upload(6, plain("white"))
    # Two replicas would share the photos, and a late photo would be taken without company.
    worker = rig.start_worker(model=str(model), replicas="1", batch_size="4", objective="60000")
    rig.account()
    lowered = [event["size"] for event in worker.events("batch_size_lowered")]
    assert lowered[-1] == 1
    tries = worker.count("batch_refused")
    rig.upload(6, plain("white"))
    rig.account()
    assert worker.count("batch_refused") == tries
    assert worker.stop() == 0


def test_a_model_call_that_hangs_ends_the_process_and_everything_else_is_scored(
    rig: FaultRig, tmp_path: Path
) -> None:
    model = str(save_bundle(Hangs(), tmp_path / "hangs" / "1", name="hangs"))
    worker = rig.start_worker(
        model=model, stall_after="30", visibility_timeout="300", receive_wait="0", retry_delay="0"
    )
    rig.upload(1, plain("white"))
    eventually(lambda: rig.in_flight() == 1)
    rig.upload(3, plain("blue"))
    assert worker.wait() == 1
    (failure,) = worker.events("stage_failed")
    assert re.search(r"infer(-\d+)? has not moved", str(failure["exception"]))  # whichever replica had it
    assert rig.in_flight() == 0
    rig.start_worker()  # the reference model takes them all
    rig.account()
