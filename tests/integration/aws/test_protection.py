"""Scale-in protection: the agent's answers over HTTP, and workers that score photos in any case."""

import itertools
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from localstack.services import free_port
from localstack.worker_process import WorkerProcess
from tests.integration.aws.ecs_agent import Answer, FakeAgent, error, failure, grant, raw
from tests.support import photos
from tests.support.rig import Rig
from tests.support.waiting import eventually
from worker.adapters.aws.ecs import EcsAgent
from worker.supervision.protection import MINUTES, RefusedError

PATIENCE = 60.0  # seconds; an idle task stays protected for a while
DENIED = error(
    400, "AccessDeniedException", "User: photo-score is not authorized to perform: ecs:UpdateTaskProtection"
)
THROTTLED = error(400, "ThrottlingException", "Rate exceeded")


@pytest.fixture
def agent() -> Iterator[FakeAgent]:
    with FakeAgent().running() as agent:
        yield agent


# The adapter


def test_only_a_protection_has_an_expiry(agent: FakeAgent) -> None:
    adapter = EcsAgent(agent.uri)
    adapter.set_protection(True)
    adapter.set_protection(False)
    assert agent.states == [
        {"ProtectionEnabled": True, "ExpiresInMinutes": MINUTES},
        {"ProtectionEnabled": False},
    ]
    assert agent.faults == []


@pytest.mark.parametrize(
    ("answer", "cause", "reason"),
    [
        (THROTTLED, "ThrottlingException", "Rate exceeded"),
        (DENIED, "AccessDeniedException", "the task role needs ecs:UpdateTaskProtection"),
        (error(403, "AccessDeniedException", "no credentials"), "AccessDeniedException", "no credentials"),
        (error(400, "ClientException", "the feature is disabled"), "ClientException", "is disabled"),
        (error(500, "ServerException", "sorry"), "ServerException", "sorry"),
        (error(504, "RequestCanceled", "Timed out"), "RequestCanceled", "Timed out"),
        (failure("TASK_NOT_VALID"), "TASK_NOT_VALID", ""),
        (failure("DEPLOYMENT_BLOCKED", "too many"), "DEPLOYMENT_BLOCKED", "too many"),
        (raw(b"<html>"), "UnreadableAnswer", "JSONDecodeError"),
        (raw(b"\xff\xfe\x00"), "UnreadableAnswer", ""),
        (raw(b"[" * 60_000), "UnreadableAnswer", ""),
        (raw(b"[1]"), "UnreadableAnswer", "{}"),
        (raw(b'{"protection": {"ProtectionEnabled": false}}'), "UnreadableAnswer", "false"),
        (raw(b'{"protection": 5}'), "UnreadableAnswer", "5"),
        (raw(b'{"error": {}, "protection": null}'), "error", ""),
        (raw(b"", 404), "UnreadableAnswer", ""),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_refusal_has_a_code_and_a_reason(
    agent: FakeAgent, answer: Answer, cause: str, reason: str
) -> None:
    agent.answer = answer
    with pytest.raises(RefusedError) as refusal:
        EcsAgent(agent.uri).set_protection(True)
    assert refusal.value.cause == cause
    assert reason.lower() in str(refusal.value).lower()


def test_a_huge_answer_is_not_read_completely(agent: FakeAgent) -> None:
    agent.answer = raw(b'{"error": "' + b"x" * 10_000_000 + b'"}')
    with pytest.raises(RefusedError) as refusal:
        EcsAgent(agent.uri).set_protection(True)
    assert refusal.value.cause == "UnreadableAnswer"


def test_an_answer_that_trickles_is_given_up(agent: FakeAgent) -> None:
    pause, clock = threading.Event(), itertools.count()  # a second passes at each look at the clock
    agent.answer = raw(b" " for _ in range(1000) if not pause.wait(0.001))
    with pytest.raises(RefusedError, match="longer than 10 s") as refusal:
        EcsAgent(agent.uri, clock=lambda: float(next(clock))).set_protection(True)
    assert refusal.value.cause == "NoAnswer"
    assert next(clock) < 20


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:{port}/api/x", "no url at all", "http://[", "ftp://127.0.0.1/"]
)
def test_no_answer_is_a_refusal(uri: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        EcsAgent(uri.replace("{port}", str(free_port()))).set_protection(True)
    assert refusal.value.cause == "NoAnswer"


def test_there_is_no_agent_outside_ecs() -> None:
    assert EcsAgent.find({}) is None
    assert EcsAgent.find({"ECS_AGENT_URI": ""}) is None
    assert EcsAgent.find({"ECS_AGENT_URI": "http://169.254.170.2/api/x"}) is not None


# A worker process


class Shift:
    """Worker processes next to an agent, and the photos that they get."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        self._rig = rig
        self._folder = folder
        self.workers: list[WorkerProcess] = []

    def start(self, uri: str, **changed: str) -> WorkerProcess:
        """Start a worker that polls."""
        self._rig.announce_uploads()
        settings = {f"WORKER_{name.upper()}": value for name, value in changed.items()}
        environment = {**self._rig.environment, "ECS_AGENT_URI": uri, **settings}
        self.workers.append(WorkerProcess(self._folder / "worker.log", environment=environment))
        self.workers[-1].wait_for("polling")
        return self.workers[-1]

    def upload(self, number: int) -> list[str]:
        """Upload photos; returns their ids."""
        ids = [str(uuid.uuid4()) for _ in range(number)]
        for image_id in ids:
            self._rig.put(image_id, photos.coffee())
        return ids

    def score(self, number: int) -> None:
        """Upload photos and wait for their results."""
        ids = self.upload(number)
        assert {self._rig.result(image_id).status for image_id in ids} == {"scored"}

    def score_until(self, event: str) -> None:
        """Upload photos until an event is logged: the schedule misses photos between two ticks."""
        worker = self.workers[-1]

        def is_logged() -> bool:
            self.score(4)
            return bool(worker.events(event))

        eventually(is_logged, worker.tail, PATIENCE)

    def stop(self) -> dict[str, int]:
        """Stop the worker, which must succeed; returns its counts."""
        assert self.workers[-1].stop() == 0, self.workers[-1].tail()
        (stopped,) = self.workers[-1].events("stopped")
        return dict(stopped["counts"])


@pytest.fixture
def shift(rig: Rig, tmp_path: Path) -> Iterator[Shift]:
    shift = Shift(rig, tmp_path)
    yield shift
    for worker in shift.workers:
        if not worker.has_ended():
            worker.kill()


def test_a_task_is_protected_only_while_it_works(shift: Shift, agent: FakeAgent) -> None:
    worker = shift.start(agent.uri)
    assert agent.states == []
    shift.score_until("protected")
    worker.wait_for("unprotected")
    assert [state["ProtectionEnabled"] for state in agent.states] == [True, False]
    counts = shift.stop()
    assert (counts["protected"], counts["unprotected"]) == (1, 1)
    assert "protection_refused" not in counts
    assert agent.faults == []


def test_a_stop_makes_no_more_calls(shift: Shift, agent: FakeAgent) -> None:
    shift.start(agent.uri)
    shift.score_until("protected")
    shift.stop()
    assert [state["ProtectionEnabled"] for state in agent.states] == [True]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (DENIED, "AccessDeniedException"),
        (failure("TASK_NOT_VALID"), "TASK_NOT_VALID"),
        (raw(b"<html>"), "UnreadableAnswer"),
    ],
    ids=["denied", "no service", "garbage"],
)
def test_a_refusal_is_logged_once_and_photos_are_scored(
    shift: Shift, agent: FakeAgent, answer: Answer, code: str
) -> None:
    agent.answer = answer
    worker = shift.start(agent.uri)
    shift.score_until("protection_refused")
    shift.score(3)
    shift.stop()
    assert [line["code"] for line in worker.events("protection_refused")] == [code]
    assert worker.events("protected") == []


def test_a_throttled_call_is_retried(shift: Shift, agent: FakeAgent) -> None:
    agent.answer = THROTTLED
    worker = shift.start(agent.uri)
    shift.score_until("protection_refused")
    agent.answer = grant
    shift.score_until("protected")
    shift.stop()
    assert [line["code"] for line in worker.events("protection_refused")] == ["ThrottlingException"]


def test_an_agent_without_an_answer_delays_neither_leases_nor_the_stop(
    shift: Shift, rig: Rig, agent: FakeAgent
) -> None:
    """Redis holds photos for longer than their leases of 2 s, which the main thread extends."""
    agent.free.clear()
    worker = shift.start(agent.uri)
    rig.redis.client_pause(4_000)
    shift.upload(4)
    eventually(lambda: len(worker.events("scored")) == 4, worker.tail, PATIENCE)
    counts = shift.stop()
    assert len(agent.states) >= 1
    assert not agent.free.is_set()
    assert counts.get("leases_extended", 0) >= 1
    assert "lease_lost" not in counts


def test_a_refused_connection_is_logged_once(shift: Shift) -> None:
    worker = shift.start(f"http://127.0.0.1:{free_port()}/api/x")
    shift.score_until("protection_refused")
    shift.stop()
    assert [line["code"] for line in worker.events("protection_refused")] == ["NoAnswer"]


def test_a_protection_that_is_off_makes_no_call(shift: Shift, agent: FakeAgent) -> None:
    shift.start(agent.uri, protection="off")
    shift.score(24)
    shift.stop()
    assert agent.states == []
