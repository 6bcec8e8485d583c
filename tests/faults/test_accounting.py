"""The accounting itself: workers that each break one promise on purpose.

Expected: the accounting names the promise that each of them breaks. Guards against: fault tests and
soak tests that pass because they check nothing.
"""

import time
from pathlib import Path

import pytest
import redis

from localstack.faults.gateway import slow
from tests.support.faults.fault_rig import FaultRig, key_of
from tests.support.faults.recorder import Recorder
from tests.support.faults.valkey import Valkey
from tests.support.history.events import Put
from tests.support.results import make_result
from tests.support.waiting import eventually
from worker.messages import PhotoId, S3Object
from worker.result import Result

RUN = """
import sys
from worker.cli import main
sys.exit(main(["run"]))
"""

HASTY = """
from worker.stages.commit import Commit
write = Commit._write
def settle_first(self):
    for outcome in self._unwritten:
        outcome.source.settle([outcome])
    write(self)
Commit._write = settle_first
"""

FORGETFUL = """
from worker.stages.commit import Commit
def drop(self):
    self._done += self._unwritten
    self._unwritten = []
Commit._write = drop
"""

LAX = """
from worker.adapters.redis import store
from worker.stages import poll
import hashlib, re
lax = store._WRITE
decision = re.compile("^if answer then return .* end$", re.MULTILINE)
assert decision.search(lax.text)
lax.text = decision.sub("", lax.text)
lax.sha = hashlib.sha1(lax.text.encode()).hexdigest()
poll.makes_needless = lambda *_: False
"""

UNAWARE = """
from worker.intake.leases import Leases
from worker.stages.poll import Poll
Leases.due = Leases.lost = lambda self: []
Leases.holds = lambda self, message: True
step = Poll.step
Poll.step = lambda self: self.stopping.wait(0.2) if self.source.in_flight else step(self)
"""

REPETITIVE = """
from worker.adapters.aws import sqs
sqs._entry = lambda index, message: {"Id": "0", "ReceiptHandle": message.receipt_handle}
"""


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        pytest.param(HASTY, "deleted before its result was written", id="deletes before it writes"),
        pytest.param(FORGETFUL, "neither a result nor a dead letter", id="deletes and never writes"),
        pytest.param(LAX, "was published twice", id="writes again what is there"),
    ],
)
def test_a_worker_that_breaks_a_promise_is_found_out(
    rig: FaultRig, photo: bytes, fault: str, complaint: str
) -> None:
    (image_id, *_) = rig.upload(4, photo)
    rig.announce(image_id)
    rig.process(program=fault + RUN)
    with pytest.raises(AssertionError, match=complaint):
        rig.account()


def test_a_worker_that_deletes_after_its_lease_has_ended_is_found_out(rig: FaultRig, photo: bytes) -> None:
    rig.gateway.break_("s3.GetObject", slow(6))  # longer than the visibility timeout
    rig.upload(1, photo)
    rig.process(program=UNAWARE + RUN)
    with pytest.raises(AssertionError, match="after its visibility ran out"):
        rig.account()


def test_a_worker_that_repeats_an_id_in_a_call_is_found_out(rig: FaultRig, photo: bytes) -> None:
    rig.upload(8, photo)
    rig.process(program=REPETITIVE + RUN).wait_for("polling")
    eventually(lambda: any("repeats an Id" in violation for violation in rig.audit.violations), rig.describe)


def test_a_photo_whose_result_is_of_an_older_one_is_found_out(rig: FaultRig, photo: bytes) -> None:
    (image_id,) = rig.upload(1, photo)
    rig.start_worker()
    rig.account()
    never_announced = S3Object(rig.bucket, key_of(image_id), etag="another")
    rig.recorder.events.append(Put(time.monotonic(), PhotoId(image_id), never_announced))
    with pytest.raises(AssertionError, match="its last result is not of its last PUT"):
        rig.account()


def test_a_message_that_nobody_settles_is_found_out(rig: FaultRig, photo: bytes) -> None:
    rig.upload(1, photo)
    # The other message is the bucket's test event.
    with pytest.raises(AssertionError, match="it did not come to pass: queue 2"):
        rig.account(patience=1)


@pytest.mark.parametrize("bad", [True, False])
def test_a_good_photo_that_becomes_a_dead_letter_is_found_out(rig: FaultRig, photo: bytes, bad: bool) -> None:
    """Somebody uses its receives up and never works on it."""
    (image_id,) = rig.upload(1, photo, bad=bad)

    def is_dead() -> bool:
        rig.sqs.receive_message(QueueUrl=rig.queue_url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return any(image_id in letter for letter in rig.dead())

    eventually(is_dead, rig.describe)
    found = [complaint for complaint in rig.tally().complaints(len(rig.dead())) if image_id in complaint]
    assert found == ([] if bad else [f"a good photo that is a dead letter: ['{image_id}']"])


class Beaten(Recorder):
    """A result is written just before it looks for what it missed."""

    def _note_stored(self, client: "redis.Redis") -> list[Result]:
        publish(client)
        return super()._note_stored(client)


def publish(client: "redis.Redis") -> None:
    text = make_result("one").model_dump_json()
    client.set("result:one", text)
    client.publish("result:one", text)


def test_what_is_written_while_the_recorder_begins_to_listen_is_noted_once(tmp_path: Path) -> None:
    store = Valkey(tmp_path)
    recorder = Beaten(store)
    publish(store.client)  # the same again: that is a second time
    eventually(lambda: recorder.written >= 2)
    publish(store.client)
    eventually(lambda: recorder.written >= 3)
    recorder.close()
    store.close()
    assert recorder.written == 3


def test_what_the_recorder_has_not_heard_yet_is_judged_too(tmp_path: Path) -> None:
    store = Valkey(tmp_path)
    recorder = Recorder(store)
    text = make_result("one").model_dump_json()
    burst = store.client.pipeline()
    for _ in range(1000):
        burst.publish("result:one", text)
    burst.execute()
    recorder.complaints([], [], 0)
    assert recorder.written == 1000
    recorder.close()
    store.close()
