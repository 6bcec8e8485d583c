"""A worker with a door is stopped: what it has accepted is answered."""

import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from bench.photos import as_upload
from localstack.worker_process import WorkerProcess
from tests.support import photos
from tests.support.doors import DoorClient, door_client
from tests.support.raw_http import RawClient
from tests.support.rig import Rig
from tests.support.waiting import eventually

PHOTO = photos.coffee()


@pytest.fixture
def client() -> Iterator[DoorClient]:
    with door_client() as made:
        yield made


def start(rig: Rig, client: DoorClient, **changed: str) -> WorkerProcess:
    """Start a worker and wait until it takes photos."""
    worker = rig.process(door_port=str(client.port), **changed)
    worker.wait_for("polling")
    assert client.is_ready()
    return worker


def begin(client: DoorClient, photo: bytes = PHOTO, sent: int | None = None) -> RawClient:
    """Send the head of a request, and so many bytes of its photo."""
    raw = RawClient(client.port)
    raw.send(f"POST /images HTTP/1.1\r\nHost: door\r\nContent-Length: {len(photo)}\r\n\r\n".encode())
    raw.send(photo[:sent])
    return raw


def test_a_stop_answers_all_that_was_accepted_and_refuses_the_rest(rig: Rig, client: DoorClient) -> None:
    worker = start(rig, client)
    answered, stopping = list[httpx.Response](), threading.Event()

    def send(number: int) -> int:
        """Send photos until the door is closed; how many were scored."""
        scored = 0
        with door_client(client.port) as own:
            for count in range(1_000):
                try:
                    answer = own.post("/images", content=as_upload(PHOTO, f"{number}-{count}"))
                except httpx.ConnectError:
                    return scored
                if answer.status_code == 503:
                    assert (answer.json()["code"], answer.headers["connection"]) == ("stopping", "close")
                    assert stopping.is_set()
                    return scored
                assert answer.status_code == 200, answer.text
                answered.append(answer)
                scored += 1
        raise AssertionError("the door has not closed")

    with ThreadPoolExecutor(6) as pool:
        sending = [pool.submit(send, number) for number in range(6)]
        eventually(lambda: len(answered) > 12)
        stopping.set()
        worker.ask_to_stop()
        scored = sum(one.result() for one in sending)
    assert worker.wait() == 0, worker.tail()
    assert scored == len(rig.stored()) == worker.events()[-1]["counts"]["photos_scored"]


def test_a_stop_is_told_at_once_and_photos_are_taken_while_it_lingers(rig: Rig, client: DoorClient) -> None:
    worker = start(rig, client, door_linger="3")
    begun = time.monotonic()
    worker.ask_to_stop()
    eventually(lambda: client.get("/readyz").status_code == 503, patience=1.0)
    assert client.get("/livez").status_code == 200
    assert client.post("/images", content=PHOTO).status_code == 200
    assert worker.wait() == 0, worker.tail()
    assert time.monotonic() - begun >= 3
    assert len(rig.stored()) == 1


def test_a_photo_that_is_arriving_at_a_stop_is_scored(rig: Rig, client: DoorClient) -> None:
    worker = start(rig, client)
    with begin(client, sent=100) as raw:
        assert client.post("/images", content=PHOTO).status_code == 200  # so the head has arrived
        worker.ask_to_stop()
        worker.wait_for("draining")
        raw.send(PHOTO[100:])
        assert raw.answer().status == 200
    assert worker.wait() == 0, worker.tail()


def test_a_photo_that_does_not_arrive_in_time_is_refused(rig: Rig, client: DoorClient) -> None:
    """Twenty-five seconds for a stop less eighteen for an answer and four to settle: three are left."""
    worker = start(rig, client, door_wait="18", drain_deadline="25")
    with begin(client, sent=100) as raw:
        assert client.post("/images", content=PHOTO).status_code == 200
        worker.ask_to_stop()
        answer = raw.answer()
        assert (answer.status, b'"stopping"' in answer.body) == (503, True)
    assert worker.wait() == 0, worker.tail()


def test_a_client_that_goes_away_leaves_nothing(rig: Rig, client: DoorClient) -> None:
    """Those whose photos are arriving, those whose photos wait, and one that stays."""
    worker = start(rig, client, batch_size="1", decoders="1", helpers="1", door_most="100")
    with ThreadPoolExecutor(1) as pool:
        left = [begin(client, as_upload(PHOTO, str(number))) for number in range(30)]
        left += [begin(client, sent=100) for _ in range(5)]
        stays = pool.submit(client.post, "/images", content=PHOTO)
        for raw in left:
            raw.close()
        assert stays.result().status_code == 200
    eventually(lambda: worker.health() == (0, "idle"), worker.tail)
    assert worker.stop() == 0, worker.tail()
    counts = worker.events()[-1]["counts"]
    assert counts.get("abandoned", 0) > 0
    assert counts["photos_scored"] + counts["abandoned"] <= 31
    assert len(rig.stored()) == counts["photos_scored"] < 31


def test_a_worker_that_is_told_twice_answers_what_it_gives_up(rig: Rig, client: DoorClient) -> None:
    worker = start(rig, client, door_linger="5")
    with begin(client, sent=100) as raw:
        assert client.put(f"/images/{uuid.uuid4()}", content=PHOTO).status_code == 200
        worker.ask_to_stop()
        worker.wait_for("draining")
        worker.ask_to_stop()
        assert raw.answer().status == 503
    assert worker.wait() == 0, worker.tail()  # nothing was accepted
