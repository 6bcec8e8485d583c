"""Both ways in at once: SQS is slow, both are saturated, one photo comes both ways.

Expected: the door loses next to nothing by slow deletes; photos are taken by the shares of both ways;
the same photo is one result. Guards against: answers that wait for SQS, a way that starves, a result
that is written once for each way.
"""

import re
import threading
import time
import uuid

import httpx
import pytest

from bench.photos import as_upload
from localstack.faults.gateway import slow
from localstack.services import HOST, free_port
from tests.support.faults.door_clients import DoorClients
from tests.support.faults.fault_rig import PATIENCE, FaultRig
from tests.support.history.events import Published
from tests.support.waiting import eventually

WINDOW = 2.5  # seconds
CLIENTS = 8
# Of the throughput beside quick deletes. Measured: 1.17, as the queue takes less meanwhile; where each
# delete keeps answers waiting, 0.28.
KEPT = 0.7
FULL = 100  # photos that wait for each way
FEW = 20  # more than all helpers hold


def test_slow_deletes_cost_the_door_next_to_nothing(rig: FaultRig, photo: bytes) -> None:
    """Quick and slow deletes take turns, so that whatever else the machine does costs both the same."""
    port = free_port()
    worker = rig.start_worker(door_port=str(port), door_most=str(2 * CLIENTS))
    clients, quick, late = DoorClients(rig, port), 0, 0
    with clients.at_work(CLIENTS, photo):
        for _ in range(3):
            for is_slow in (False, True):
                if is_slow:
                    rig.gateway.break_("sqs.DeleteMessageBatch", slow(1.0))
                rig.upload(5, photo)
                begun = time.monotonic()
                time.sleep(WINDOW)  # measures: this much load
                count = clients.count(begun, time.monotonic())
                quick, late = quick + (0 if is_slow else count), late + (count if is_slow else 0)
                rig.gateway.mend()
    assert late >= KEPT * quick > 0, (quick, late)
    rig.account()
    clients.account()
    assert rig.audit.counts["redelivered"] == 0
    assert worker.stop() == 0


@pytest.mark.parametrize("share", [0.5, 0.75])
def test_each_way_gets_its_share_while_both_bring_more_than_the_worker_can_do(
    rig: FaultRig, photo: bytes, share: float
) -> None:
    """Both lanes are filled while nothing can be decoded: so what the machine does besides decides nothing."""
    port = free_port()
    worker = rig.start_worker(
        door_port=str(port),
        door_share=str(share),
        door_most=str(2 * FULL),
        upload_queue=str(FULL),
        batch_size="4",
        visibility_timeout="60",
        decode_timeout="60",
        door_wait="60",
        drain_deadline="90",
    )
    clients = DoorClients(rig, port)
    decoders = worker.decoders()
    for decoder in decoders:
        decoder.suspend()
    rig.upload(FULL + FEW, photo)
    with clients.at_work(FULL + FEW, photo):
        eventually(lambda: min(depths(port)) >= FULL, lambda: depths(port), PATIENCE)
        for decoder in decoders:
            decoder.resume()
        eventually(lambda: rig.recorder.written >= FEW + FULL, rig.describe, PATIENCE)
    written = [e.result.source.via for e in rig.recorder.events if isinstance(e, Published)]
    judged = written[FEW : FEW + FULL]  # the first ones were taken before both lanes had any
    assert judged.count("http") / FULL == pytest.approx(share, abs=0.05)
    rig.account()
    clients.account()
    assert worker.stop() == 0


def depths(port: int) -> tuple[float, ...]:
    """How many photos wait in the lane of each way."""
    figures = httpx.get(f"http://{HOST}:{port}/metrics").text
    waiting = dict(re.findall(r'^photo_score_queue_depth\{queue="(\w+)"\} (\S+)', figures, re.MULTILINE))
    return tuple(float(waiting.get(way, 0)) for way in ("uploads", "door"))


@pytest.mark.parametrize("first", ["queue", "door", "both"])
def test_a_photo_that_comes_both_ways_is_one_result(rig: FaultRig, photo: bytes, first: str) -> None:
    port = free_port()
    worker, clients = rig.start_worker(door_port=str(port)), DoorClients(rig, port)
    for _ in range(5):
        image_id = str(uuid.uuid4())
        own = as_upload(photo, image_id)
        if first == "door":
            assert clients.send(own, image_id).status == 200
        sender = threading.Thread(target=clients.send, args=(own, image_id))
        if first == "both":
            sender.start()
        rig.upload_as(image_id, own)
        if first == "queue":
            rig.wait_for_results(len(rig.sent))
        if first != "both":
            sender.start()
        sender.join()
    rig.account()
    clients.account()
    assert clients.statuses().keys() == {200}
    assert rig.recorder.written == 5
    ways = {result["source"]["via"] for result in rig.results().values()}
    assert ways <= {"queue": {"queue"}, "door": {"http"}, "both": {"queue", "http"}}[first]
    assert worker.count("scored") == 5
    assert worker.stop() == 0
