"""The end of a worker whose door is open: kill -9, SIGTERM under load and in the middle of a body, a second signal.

Expected: all that a stopping worker has accepted is answered; it is not ready at once, takes photos for the linger, and
exits with 0. What a killed one had in work has no answer, and nobody is told of a result that is not
stored. Guards against: a drain that forgets requests or waits for idle connections, photos that are lost in a stop.
"""

import socket
import threading
import time
import uuid

import pytest

from bench.photos import as_upload
from localstack.faults.gateway import hanging
from localstack.services import HOST, free_port
from tests.support.faults.door_clients import BROKEN, DoorClients
from tests.support.faults.fault_rig import FaultRig
from tests.support.waiting import eventually

CLIENTS = 6
SOON = 4.0  # seconds; a call of SQS that hangs takes longer


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def clients(rig: FaultRig, port: int) -> DoorClients:
    return DoorClients(rig, port)


def test_killed_under_load_nobody_is_told_what_is_not_stored_and_sent_again_it_is_scored_once(
    rig: FaultRig, photo: bytes, port: int, clients: DoorClients
) -> None:
    rig.upload(20, photo)
    worker = rig.start_worker(door_port=str(port))
    with clients.at_work(CLIENTS, photo):
        eventually(lambda: clients.count() >= 10, rig.describe)
        worker.kill()
        eventually(lambda: clients.statuses()[0] >= CLIENTS)
    cut = [told.name for told in clients.told if told.code == BROKEN]
    rig.start_worker(door_port=str(port))
    for image_id in cut[:CLIENTS]:
        assert clients.send(as_upload(photo, image_id), image_id).status == 200
    rig.account()
    clients.account()


def test_a_stop_under_load_answers_all_that_was_accepted(
    rig: FaultRig, photo: bytes, port: int, clients: DoorClients
) -> None:
    rig.upload(30, photo)
    worker = rig.start_worker(
        door_port=str(port), door_wait="60", drain_deadline="110", visibility_timeout="300"
    )
    with clients.at_work(CLIENTS, photo):
        eventually(lambda: clients.count() >= 10, rig.describe)
        worker.ask_to_stop()
        assert worker.wait() == 0, worker.tail()
    told = [told.status for told in clients.told]
    assert set(told) <= {200, 429, 503, 0}, clients.statuses()
    stopping = {one.code for one in clients.told if one.status == 503}
    assert stopping <= {"stopping"}
    scored = [one for one in rig.results().values() if one["source"]["via"] == "http"]
    assert len(scored) == clients.count(), "a photo was scored, and its client not told"
    assert rig.in_flight() == 0
    clients.account()
    rig.start_worker()
    rig.account()


def test_a_stop_waits_for_a_body_that_is_under_way_and_answers_it(
    rig: FaultRig, photo: bytes, port: int, clients: DoorClients
) -> None:
    worker, image_id = rig.start_worker(door_port=str(port)), str(uuid.uuid4())
    with socket.create_connection((HOST, port), timeout=30) as slow:
        head = f"PUT /images/{image_id} HTTP/1.1\r\nHost: door\r\nContent-Length: {len(photo)}\r\n\r\n"
        slow.sendall(head.encode() + photo[:1000])
        assert clients.send(as_upload(photo, "ahead")).status == 200  # so the first body is under way
        worker.ask_to_stop()
        worker.wait_for("draining")
        eventually(lambda: clients.send(photo).status in {0, 503})  # it takes no more
        slow.sendall(photo[1000:])
        answer = slow.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
    assert worker.wait() == 0, worker.tail()
    assert rig.results()[image_id]["source"]["via"] == "http"


def test_a_stop_takes_photos_for_the_linger_but_is_not_ready(
    rig: FaultRig, photo: bytes, port: int, clients: DoorClients
) -> None:
    rig.upload(1, photo)
    worker = rig.start_worker(door_port=str(port), door_linger="4")
    with clients.client() as client:
        client.wait_until_ready()
        worker.ask_to_stop()
        worker.wait_for("draining")
        asked = time.monotonic()
        assert not client.is_ready()
        assert clients.send(as_upload(photo, "late"), client=client).status == 200
    rig.upload(2, photo)  # the queue's photos are for others
    assert worker.wait() == 0, worker.tail()
    assert time.monotonic() - asked >= 3.0
    clients.account()
    rig.start_worker()
    rig.account()


def test_a_second_signal_does_not_wait_for_the_linger(
    rig: FaultRig, photo: bytes, port: int, clients: DoorClients
) -> None:
    worker = rig.start_worker(door_port=str(port), door_linger="60", drain_deadline="110")
    assert clients.send(photo).status == 200
    worker.ask_to_stop()
    worker.wait_for("draining")
    worker.ask_to_stop()
    begun = time.monotonic()
    assert worker.wait() == 0, worker.tail()
    assert time.monotonic() - begun < 30
    rig.account()


def test_a_client_that_goes_away_spares_the_model_what_was_not_begun(
    rig: FaultRig, photo: bytes, port: int, clients: DoorClients
) -> None:
    """While others are answered. What waits has not been begun: all helpers are kept by S3."""
    worker = rig.start_worker(door_port=str(port), helpers="1", decoders="1")
    left = list[socket.socket]()
    with clients.at_work(CLIENTS, photo):
        eventually(lambda: clients.count() >= 5, rig.describe)
        for number in range(20):
            body = as_upload(photo, f"left-{number}")
            connection = socket.create_connection((HOST, port), timeout=30)
            head = f"POST /images HTTP/1.1\r\nHost: door\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            left.append(connection)
        for connection in left:
            connection.close()
        before = clients.count()
        eventually(lambda: clients.count() >= before + 20, rig.describe)
    assert clients.statuses().keys() <= {200, 429}, clients.statuses()
    clients.account()
    assert worker.stop() == 0
    assert worker.events()[-1]["counts"].get("abandoned", 0) > 0


@pytest.mark.parametrize("sqs", ["works", "hangs"])
def test_requests_that_wait_while_redis_is_away_are_answered_by_a_stop(
    rig: FaultRig, photo: bytes, port: int, clients: DoorClients, sqs: str
) -> None:
    worker = rig.start_worker(door_port=str(port), door_wait="60", drain_deadline="70")
    rig.wire.set("hang")
    rig.upload(2, photo)
    worker.wait_for("write_failed")
    sender = threading.Thread(target=clients.send, args=(photo,))
    sender.start()
    eventually(lambda: worker.health() == (0, "busy"), rig.describe)
    tries = worker.count("write_failed")
    worker.wait_for("write_failed", times=tries + 2)
    if sqs == "hangs":
        rig.gateway.break_("sqs", hanging)
    worker.ask_to_stop()
    worker.wait_for("draining")
    worker.ask_to_stop()
    asked = time.monotonic()
    sender.join(30)
    assert clients.told[0].at - asked < SOON, "it waited for SQS"
    assert [(told.status, told.code) for told in clients.told] == [(503, "stopping")]
    assert worker.wait() == 3
