"""Scale-in protection: the agent's answers over real HTTP, and workers that score photos whatever it answers."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from localstack.services import free_port
from localstack.worker_process import WorkerProcess
from tests.integration.aws.ecs_agent import Answer, StandInAgent, errs, fails, grants, says
from tests.support import photos
from tests.support.rig import Rig
from tests.support.waiting import eventually
from worker.adapters.aws.ecs import EcsAgent
from worker.supervision.protection import MINUTES, RefusedError

LONG = 60.0  # seconds; an idle task keeps its protection for a while
DENIED = errs(
    400, "AccessDeniedException", "User: photo-score is not authorized to perform: ecs:UpdateTaskProtection"
)
THROTTLED = errs(400, "ThrottlingException", "Rate exceeded")


@pytest.fixture
def agent() -> Iterator[StandInAgent]:
    made = StandInAgent()
    yield made
    made.close()


# what the adapter makes of each answer


def test_protecting_names_a_time_and_its_end_does_not(agent: StandInAgent) -> None:
    adapter = EcsAgent(agent.uri)
    adapter.set_protection(True)
    adapter.set_protection(False)
    assert agent.asked == [
        {"ProtectionEnabled": True, "ExpiresInMinutes": MINUTES},
        {"ProtectionEnabled": False},
    ]
    assert agent.faults == []


@pytest.mark.parametrize(
    ("answer", "cause", "reason"),
    [
        (THROTTLED, "ThrottlingException", "Rate exceeded"),
        (DENIED, "AccessDeniedException", "the task role needs ecs:UpdateTaskProtection"),
        (errs(403, "AccessDeniedException", "no credentials"), "AccessDeniedException", "no credentials"),
        (errs(400, "ClientException", "the feature is disabled"), "ClientException", "is disabled"),
        (errs(500, "ServerException", "sorry"), "ServerException", "sorry"),
        (errs(504, "RequestCanceled", "Timed out"), "RequestCanceled", "Timed out"),
        (fails("TASK_NOT_VALID"), "TASK_NOT_VALID", ""),
        (fails("DEPLOYMENT_BLOCKED", "too many"), "DEPLOYMENT_BLOCKED", "too many"),
        (says(b"<html>"), "UnreadableAnswer", "JSONDecodeError"),
        (says(b"\xff\xfe\x00"), "UnreadableAnswer", ""),
        (says(b"[" * 60_000), "UnreadableAnswer", ""),
        (says(b"[1]"), "UnreadableAnswer", "{}"),
        (says(b'{"protection": {"ProtectionEnabled": false}}'), "UnreadableAnswer", "false"),
        (says(b'{"protection": 5}'), "UnreadableAnswer", "5"),
        (says(b'{"error": {}, "protection": null}'), "error", ""),
        (says(b"", 404), "UnreadableAnswer", ""),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_refusal_has_a_code_and_a_reason(
    agent: StandInAgent, answer: Answer, cause: str, reason: str
) -> None:
    agent.answer = answer
    with pytest.raises(RefusedError) as refusal:
        EcsAgent(agent.uri).set_protection(True)
    assert refusal.value.cause == cause
    assert reason.lower() in str(refusal.value).lower()


def test_an_endless_answer_is_not_read_to_its_end(agent: StandInAgent) -> None:
    agent.answer = says(b'{"error": "' + b"x" * 10_000_000 + b'"}')
    with pytest.raises(RefusedError) as refusal:
        EcsAgent(agent.uri).set_protection(True)
    assert refusal.value.cause == "UnreadableAnswer"


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:{port}/api/x", "no url at all", "http://[", "ftp://127.0.0.1/"]
)
def test_where_nobody_answers_is_a_refusal(uri: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        EcsAgent(uri.replace("{port}", str(free_port()))).set_protection(True)
    assert refusal.value.cause == "NoAnswer"


def test_outside_of_ecs_there_is_no_agent() -> None:
    assert EcsAgent.find({}) is None
    assert EcsAgent.find({"ECS_AGENT_URI": ""}) is None
    assert EcsAgent.find({"ECS_AGENT_URI": "http://169.254.170.2/api/x"}) is not None


# a worker as a process


class Shift:
    """A worker's process beside an agent, and the photos that it is given."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        self._rig = rig
        self._folder = folder
        self.workers: list[WorkerProcess] = []

    def begins(self, uri: str, **changed: str) -> WorkerProcess:
        """Start a worker that polls."""
        self._rig.announce_uploads()
        settings = {f"WORKER_{name.upper()}": value for name, value in changed.items()}
        environment = {**self._rig.environment, "ECS_AGENT_URI": uri, **settings}
        self.workers.append(WorkerProcess(self._folder / "worker.log", environment=environment))
        self.workers[-1].wait_for("polling")
        return self.workers[-1]

    def gets(self, number: int) -> list[str]:
        """Upload photos; their ids."""
        ids = [str(uuid.uuid4()) for _ in range(number)]
        for image_id in ids:
            self._rig.put(image_id, photos.coffee())
        return ids

    def scores(self, number: int) -> None:
        """Upload photos and wait for their results."""
        ids = self.gets(number)
        assert {self._rig.result(image_id).status for image_id in ids} == {"scored"}

    def scores_until(self, event: str) -> None:
        """Give it photos until it has logged an event: what comes and goes between two looks is not seen."""
        worker = self.workers[-1]

        def is_logged() -> bool:
            self.scores(4)
            return bool(worker.events(event))

        eventually(is_logged, worker.tail, LONG)

    def ends(self) -> dict[str, int]:
        """Ask the worker to stop, which must succeed; what it has counted."""
        assert self.workers[-1].stop() == 0, self.workers[-1].tail()
        (stopped,) = self.workers[-1].events("stopped")
        return dict(stopped["counts"])


@pytest.fixture
def shift(rig: Rig, tmp_path: Path) -> Iterator[Shift]:
    made = Shift(rig, tmp_path)
    yield made
    for worker in made.workers:
        if not worker.has_ended():
            worker.kill()


def test_a_task_is_protected_while_it_works_and_no_longer_once_it_idles(
    shift: Shift, agent: StandInAgent
) -> None:
    worker = shift.begins(agent.uri)
    assert agent.asked == []
    shift.scores_until("protected")
    worker.wait_for("unprotected")
    assert [state["ProtectionEnabled"] for state in agent.asked] == [True, False]
    counts = shift.ends()
    assert (counts["protected"], counts["unprotected"]) == (1, 1)
    assert "protection_refused" not in counts
    assert agent.faults == []


def test_a_stop_asks_for_nothing_more(shift: Shift, agent: StandInAgent) -> None:
    shift.begins(agent.uri)
    shift.scores_until("protected")
    shift.ends()
    assert [state["ProtectionEnabled"] for state in agent.asked] == [True]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (DENIED, "AccessDeniedException"),
        (fails("TASK_NOT_VALID"), "TASK_NOT_VALID"),
        (says(b"<html>"), "UnreadableAnswer"),
    ],
    ids=["denied", "no service", "garbage"],
)
def test_a_refusal_is_said_once_and_photos_are_scored(
    shift: Shift, agent: StandInAgent, answer: Answer, code: str
) -> None:
    agent.answer = answer
    worker = shift.begins(agent.uri)
    shift.scores_until("protection_refused")
    shift.scores(3)
    shift.ends()
    assert [line["code"] for line in worker.events("protection_refused")] == [code]
    assert worker.events("protected") == []


def test_an_agent_that_was_throttled_is_asked_again_and_grants(shift: Shift, agent: StandInAgent) -> None:
    agent.answer = THROTTLED
    worker = shift.begins(agent.uri)
    shift.scores_until("protection_refused")
    agent.answer = grants
    shift.scores_until("protected")
    shift.ends()
    assert [line["code"] for line in worker.events("protection_refused")] == ["ThrottlingException"]


def test_an_agent_that_does_not_answer_keeps_neither_leases_nor_the_stop_waiting(
    shift: Shift, rig: Rig, agent: StandInAgent
) -> None:
    """Redis keeps photos in flight for longer than their leases of two seconds, which the main thread extends."""
    agent.free.clear()
    worker = shift.begins(agent.uri)
    rig.redis.client_pause(4_000)
    shift.gets(4)
    eventually(lambda: len(worker.events("scored")) == 4, worker.tail, LONG)
    counts = shift.ends()
    assert len(agent.asked) >= 1
    assert not agent.free.is_set()
    assert counts.get("leases_extended", 0) >= 1
    assert "lease_lost" not in counts


def test_an_agent_that_refuses_connections_is_said_once(shift: Shift) -> None:
    worker = shift.begins(f"http://127.0.0.1:{free_port()}/api/x")
    shift.scores_until("protection_refused")
    shift.ends()
    assert [line["code"] for line in worker.events("protection_refused")] == ["NoAnswer"]


def test_switched_off_nothing_is_asked(shift: Shift, agent: StandInAgent) -> None:
    shift.begins(agent.uri, protection="off")
    shift.scores(24)
    shift.ends()
    assert agent.asked == []
