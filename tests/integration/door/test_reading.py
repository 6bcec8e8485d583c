"""Results by HTTP: GET /images/{image_id}?wait=seconds, in a real worker."""

import asyncio
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from localstack.services import HOST
from tests.support import bodies, photos
from tests.support.doors import DoorClient, door_client
from tests.support.faults.valkey import Valkey
from tests.support.results import make_result
from tests.support.rig import Rig
from tests.support.waiting import PATIENCE, eventually
from worker.door.problems import MEDIA_TYPE

MANY = 250  # no more than half of WORKER_DOOR_CONNECTIONS may wait


@pytest.fixture
def client() -> Iterator[DoorClient]:
    with door_client() as made:
        yield made


def test_a_photo_that_was_accepted_is_waited_for_where_the_answer_says(rig: Rig, client: DoorClient) -> None:
    with rig.worker(door_port=str(client.port)):
        accepted = client.put(
            f"/images/{uuid.uuid4()}", content=photos.coffee(), headers={"Prefer": "respond-async"}
        )
        assert (accepted.status_code, accepted.content) == (202, b"")
        found = client.get(accepted.headers["location"], params={"wait": 10})
        assert (found.status_code, found.json()["status"]) == (200, "scored")
        assert [found.json()] == list(rig.stored().values())
        assert client.get(accepted.headers["location"]).json() == found.json()


def test_a_photo_of_the_queue_is_waited_for_too_and_a_failure_is_a_result(
    rig: Rig, client: DoorClient
) -> None:
    good, bad = str(uuid.uuid4()), str(uuid.uuid4())
    with rig.worker(door_port=str(client.port)), ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(client.get, f"/images/{one}?wait=10") for one in (good, bad)]
        eventually(lambda: len(rig.redis.pubsub_channels()) == 2)
        for image_id, photo in ((good, photos.coffee()), (bad, b"no photo")):
            rig.put(image_id, photo)
            rig.send(bodies.notification(rig.bucket, f"uploads/{image_id}.jpg"))
        scored, failed = (one.result() for one in waiting)
        assert (scored.status_code, scored.json()["source"]["via"]) == (200, "queue")
        assert (failed.status_code, failed.json()["error"]["code"]) == (200, "unsupported_format")
        rig.settles()


def test_what_is_not_there_and_what_makes_no_sense(rig: Rig, client: DoorClient) -> None:
    with rig.worker(door_port=str(client.port)):
        begun = time.monotonic()
        none = client.get("/images/one?wait=0.5")
        assert 0.5 <= time.monotonic() - begun < PATIENCE
        assert (none.status_code, none.headers["retry-after"]) == (404, "1")
        assert none.headers["content-type"] == MEDIA_TYPE
        problem = none.json()
        assert (problem["code"], problem["image_id"]) == ("no_result", "one")
        assert problem["request_id"] == none.headers["x-request-id"]
        for query in ("soon", "-1", "nan", "inf", "1_0", "", "1" * 40):
            refused = client.get("/images/one", params={"wait": query})
            assert (refused.status_code, refused.json()["code"]) == (400, "bad_request"), query
        foreign = client.get("/images/one%3Atwo")
        assert (foreign.status_code, foreign.json()["code"]) == (400, "no_image_id")


def test_many_clients_wait_on_one_connection_and_without_a_thread_each(rig: Rig, client: DoorClient) -> None:
    async def wait_for_all() -> list[int]:
        limits = httpx.Limits(max_connections=MANY)
        async with httpx.AsyncClient(base_url=client.base_url, timeout=PATIENCE, limits=limits) as many:
            asked = [asyncio.create_task(many.get(f"/images/{n}?wait=10")) for n in range(MANY)]
            async with asyncio.timeout(PATIENCE):
                while len(rig.redis.pubsub_channels()) < MANY:
                    await asyncio.sleep(0.05)
            assert len(rig.redis.client_list(_type="pubsub")) == 1
            assert threading.active_count() < MANY / 2
            for number in range(MANY):
                rig.redis.set(f"result:{number}", make_result(f"{number}").model_dump_json())
                rig.redis.publish(f"result:{number}", "")
            return [answer.status_code for answer in await asyncio.gather(*asked)]

    with rig.worker(door_port=str(client.port)):
        client.wait_until_ready()
        assert asyncio.run(wait_for_all()) == [200] * MANY


def test_a_client_that_goes_away_leaves_nothing_behind(rig: Rig, client: DoorClient) -> None:
    with rig.worker(door_port=str(client.port)):
        client.wait_until_ready()
        with socket.create_connection((HOST, client.port)) as connection:
            connection.sendall(b"GET /images/one?wait=10 HTTP/1.1\r\nHost: door\r\n\r\n")
            eventually(lambda: rig.redis.pubsub_channels() == ["result:one"])
        eventually(lambda: rig.redis.pubsub_channels() == [])


def test_a_stop_answers_those_who_wait_at_once(rig: Rig, client: DoorClient) -> None:
    with ThreadPoolExecutor(1) as pool:
        with rig.worker(door_port=str(client.port)):
            client.wait_until_ready()
            waiting = pool.submit(client.get, "/images/one?wait=10")
            eventually(lambda: rig.redis.pubsub_channels() == ["result:one"])
            begun = time.monotonic()
        answer = waiting.result()
        assert (answer.status_code, answer.json()["code"]) == (404, "no_result")
        assert time.monotonic() - begun < 8.0


def test_without_redis_for_a_while_readers_are_told_so_and_then_served(
    rig: Rig, client: DoorClient, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        valkey = Valkey(tmp_path)
        stack.callback(valkey.close)
        rig.environment["WORKER_REDIS_URL"] = f"redis://{HOST}:{valkey.port}/0"
        stack.enter_context(rig.worker(door_port=str(client.port), redis_timeout="0.5"))
        client.wait_until_ready()
        valkey.kill()
        for path in ("/images/one", "/images/one?wait=0.5"):
            away = client.get(path)
            assert (away.status_code, away.json()["code"]) == (503, "store_trouble")
            assert away.headers["retry-after"] == "1"
            assert HOST not in away.text  # where our Redis is concerns nobody
        valkey.start()
        valkey.client.set("result:one", make_result().model_dump_json())
        eventually(lambda: client.get("/images/one").status_code == 200)
