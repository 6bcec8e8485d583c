"""A waiting reader never misses a result that is there: the client, and the code of docs/contract.md."""

import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from localstack.services import HOST
from tests.support.contract import functions
from tests.support.faults.valkey import Valkey
from tests.support.results import make_result
from tests.support.rig import Rig
from tests.support.waiting import PATIENCE, eventually
from worker import settings
from worker.client import Client
from worker.errors import NoImageIdError, StoreError
from worker.result import Result

RESULT = make_result("one")
TEXT = RESULT.model_dump_json()
CUT = ("CLIENT", "KILL", "TYPE", "pubsub")
CLIENTS: dict[str, dict[str, Any]] = {
    "default": {},
    "decoding": {"decode_responses": True},
    "without retries": {"retry": Retry(NoBackoff(), 0)},  # the default of redis-py 5
}
Wait = Callable[[float], Result]  # waits up to so many seconds


@pytest.fixture
def valkey(tmp_path: Path) -> Any:
    """A Valkey of its own: its clients are counted, cut off and killed."""
    server = Valkey(tmp_path)
    yield server
    server.kill()


@pytest.fixture(params=["client.py", *CLIENTS])
def wait(request: pytest.FixtureRequest, valkey: Valkey, environment: dict[str, str]) -> Wait:
    """Wait for the result of photo `one`, as a reader does."""
    if request.param == "client.py":
        url = f"redis://{HOST}:{valkey.port}/0"
        return partial(Client(settings.load({**environment, "WORKER_REDIS_URL": url})).wait, "one")
    client = redis.Redis(host=HOST, port=valkey.port, **CLIENTS[request.param])

    def copied(timeout: float) -> Result:
        text = functions()["wait_for_result"](client, "one", timeout)
        assert isinstance(text, str)
        return Result.model_validate_json(text)

    return copied


def after_look(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], object]) -> None:
    """Act after the reader's n-th look at the result, and before it waits again."""
    looks, execute = [0], redis.Redis.execute_command

    def looking(client: Any, *command: Any, **options: Any) -> Any:
        answer = execute(client, *command, **options)  # type: ignore[no-untyped-call] # redis-py's own
        if command[0] == "GET":
            looks[0] += 1
            if looks[0] == number:
                act()
        return answer

    monkeypatch.setattr(redis.Redis, "execute_command", looking)


@pytest.mark.parametrize("look", [1, 2])
def test_a_result_written_while_the_subscription_is_cut_is_found(
    wait: Wait, valkey: Valkey, monkeypatch: pytest.MonkeyPatch, look: int
) -> None:
    def cut_and_write() -> None:
        eventually(lambda: valkey.client.execute_command(*CUT) == 1)
        valkey.client.set("result:one", TEXT)
        assert valkey.client.publish("result:one", TEXT) == 0  # nobody hears it

    after_look(monkeypatch, look, cut_and_write)
    assert wait(PATIENCE) == RESULT


def test_a_result_written_at_the_moment_of_the_cut_in_the_middle_of_the_wait_is_found(
    wait: Wait, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = threading.Event()
    after_look(monkeypatch, 2, waits.set)  # the second look follows the confirmation

    def cut_and_write() -> None:
        assert waits.wait(PATIENCE)
        with valkey.client.pipeline(transaction=True) as together:  # no reader comes in between
            together.execute_command(*CUT)
            together.set("result:one", TEXT).publish("result:one", TEXT)
            heard.append(together.execute()[-1])

    heard = list[int]()
    writer = threading.Thread(target=cut_and_write)
    writer.start()
    assert wait(PATIENCE) == RESULT
    writer.join(PATIENCE)
    assert heard == [0]


def test_cuts_without_a_result_are_a_timeout_at_the_usual_time(
    wait: Wait, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    after_look(monkeypatch, 2, lambda: valkey.client.execute_command(*CUT))
    with pytest.raises(TimeoutError, match="no result for one"):
        wait(0.5)


def test_a_result_that_nobody_announced_is_found_before_the_reader_gives_up(
    wait: Wait, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    after_look(monkeypatch, 2, lambda: valkey.client.set("result:one", TEXT))
    assert wait(0.5) == RESULT


def test_a_result_of_another_database_is_not_taken_for_it(
    wait: Wait, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis's channels are shared by all its databases."""
    after_look(monkeypatch, 2, lambda: valkey.client.publish("result:one", TEXT))
    with pytest.raises(TimeoutError):
        wait(0.5)


def test_a_redis_that_ends_is_the_documented_error(
    wait: Wait, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    after_look(monkeypatch, 2, valkey.kill)
    with pytest.raises((redis.RedisError, StoreError)):
        wait(PATIENCE)


@pytest.mark.parametrize("fault", ["killed", "frozen"])
def test_the_documented_client_ends_soon_after_the_timeout(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """With redis-py's own retries it takes 8 and 17 seconds."""
    code = functions()
    client = code["connect"](f"redis://{HOST}:{valkey.port}/0")
    after_look(monkeypatch, 1, valkey.kill if fault == "killed" else valkey.freeze)
    begun = time.monotonic()
    with pytest.raises((redis.ConnectionError, redis.TimeoutError)):
        code["wait_for_result"](client, "one", 1.0)
    assert time.monotonic() - begun < 1.0 + 2.0 + 3.0  # and a few for a busy machine


def test_an_id_that_reaches_into_other_keys_is_refused(rig: Rig) -> None:
    rig.redis.set("result:one:two", make_result("two").model_dump_json())
    with pytest.raises(NoImageIdError, match="image id"):
        rig.client.wait("one:two", 0.1)
