"""Redis is away while photos come by HTTP.

Expected: 503 `store_trouble` after the wait; the photo is written when Redis is back, once. Guards
against: an answer that nobody stored, a photo that is lost, a door that hangs.
"""

import threading
import time
import uuid
from typing import Literal

import pytest

from bench.photos import as_upload
from localstack.services import free_port
from tests.support.faults.door_clients import DoorClients
from tests.support.faults.fault_rig import FaultRig
from tests.support.waiting import eventually
from worker.door.api.images import LOOK


@pytest.mark.parametrize("how", ["refuse", "hang"])
def test_photos_are_written_when_redis_is_back(
    rig: FaultRig, photo: bytes, how: Literal["refuse", "hang"]
) -> None:
    port = free_port()
    worker, clients = rig.start_worker(door_port=str(port), door_wait="3"), DoorClients(rig, port)
    ids = [str(uuid.uuid4()) for _ in range(4)]
    rig.wire.set(how)
    rig.upload(4, photo)  # both ways at once
    worker.wait_for("write_failed", times=2)
    senders = [threading.Thread(target=clients.send, args=(as_upload(photo, one), one)) for one in ids]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(60)
    assert {(told.status, told.code) for told in clients.told} == {(503, "store_trouble")}
    assert worker.health()[0] == 0
    rig.wire.set("open")
    eventually(lambda: set(ids) <= rig.results().keys(), rig.describe)
    rig.account()
    clients.account()
    assert rig.recorder.written == 8
    assert rig.audit.counts["redelivered"] == 0
    for one in ids:  # what was sent again finds its result
        assert clients.send(as_upload(photo, one), one).status == 200
    assert rig.recorder.written == 8
    assert worker.stop() == 0


@pytest.mark.parametrize("headers", [{}, {"Prefer": "respond-async"}], ids=["wait", "async"])
def test_a_redis_that_begins_to_hang_makes_no_answer_late(
    rig: FaultRig, photo: bytes, headers: dict[str, str]
) -> None:
    """Nobody knows of it yet; each call takes redis-py four seconds."""
    port, wait, image_id = free_port(), 3.0, str(uuid.uuid4())
    worker = rig.start_worker(door_port=str(port), door_wait=f"{wait:g}", redis_timeout="2")
    with DoorClients(rig, port).client() as client:
        client.put(f"/images/{uuid.uuid4()}", content=photo)  # everything is warm
        rig.wire.set("hang")
        begun = time.monotonic()
        answer = client.put(f"/images/{image_id}", content=photo, headers=headers, timeout=60)
        seconds = time.monotonic() - begun
    assert (answer.status_code, answer.json()["code"]) == (503, "store_trouble")
    assert seconds < (0.0 if headers else wait) + LOOK + 1.5  # a busy machine
    rig.wire.set("open")
    eventually(lambda: f"{image_id}" in rig.results(), rig.describe)
    assert worker.stop() == 0


def test_a_redis_that_comes_back_empty_is_told_again_by_whoever_sends_again(
    rig: FaultRig, photo: bytes
) -> None:
    port, image_id = free_port(), str(uuid.uuid4())
    worker, clients = rig.start_worker(door_port=str(port)), DoorClients(rig, port)
    first = clients.send(photo, image_id)
    rig.valkey.kill()
    rig.valkey.start()
    eventually(lambda: rig.results() == {}, rig.describe)
    second = clients.send(photo, image_id)
    assert (first.status, second.status) == (200, 200)
    assert rig.client.wait(image_id, 20) == second.result
    rig.account()
    assert worker.stop() == 0
