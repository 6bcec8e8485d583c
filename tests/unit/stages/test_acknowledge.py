"""acknowledge: messages are deleted beside commit, ten in a call, and none is forgotten at an end."""

import threading
from functools import partial

import pytest

from tests.support.fakes import Gate, ScriptedSource, message
from tests.support.stage_rig import IDS, StageRig, photo
from tests.support.waiting import eventually
from worker.messages import Outcome, Skipped
from worker.pipeline.queues import ShutDown
from worker.stages.acknowledge import BEHIND, Acknowledge


def outcomes_of(source: ScriptedSource, count: int) -> list[Outcome]:
    return [Skipped(message(number=number), source) for number in range(count)]


def test_nothing_is_settled_before_its_step() -> None:
    source, acknowledge = ScriptedSource(), Acknowledge()
    acknowledge.settle(source, outcomes_of(source, 3))
    assert source.settled == []
    acknowledge.step()
    assert source.calls == [3]


def test_what_came_one_by_one_is_settled_ten_at_a_time() -> None:
    """A slow queue would else fall behind: commit hands on what it has, however little."""
    source, acknowledge = ScriptedSource(), Acknowledge()
    outcomes = outcomes_of(source, 25)
    for outcome in outcomes:
        acknowledge.settle(source, [outcome])
    for _ in range(3):
        acknowledge.step()
    assert source.calls == [10, 10, 5]
    assert source.settled == outcomes


def test_each_source_settles_its_own() -> None:
    one, other, acknowledge = ScriptedSource(), ScriptedSource(), Acknowledge()
    for pair in zip(outcomes_of(one, 3), outcomes_of(other, 3), strict=True):
        for outcome in pair:
            acknowledge.settle(outcome.source, [outcome])
    acknowledge.step()
    assert (one.calls, other.calls) == ([3], [3])


def test_a_source_without_messages_waits_for_nobody() -> None:
    """However slow SQS is, and however many photos come by HTTP, they count for nothing here."""
    door, acknowledge = ScriptedSource(), Acknowledge()
    door.is_patient = False
    for outcome in outcomes_of(door, 2 * BEHIND):
        acknowledge.settle(door, [outcome])
    assert len(door.settled) == 2 * BEHIND
    assert not acknowledge.is_behind()


def test_it_is_behind_while_ten_calls_and_more_wait() -> None:
    source, acknowledge = ScriptedSource(), Acknowledge()
    acknowledge.settle(source, outcomes_of(source, BEHIND))
    assert not acknowledge.is_behind()
    acknowledge.settle(source, outcomes_of(source, 1))
    assert acknowledge.is_behind()
    acknowledge.step()
    assert not acknowledge.is_behind()


def test_a_step_with_nothing_to_settle_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.stages.acknowledge.IDLE", 0.0)
    Acknowledge().step()


def test_it_ends_once_commit_has_ended_and_everything_is_settled() -> None:
    source, acknowledge = ScriptedSource(), Acknowledge()
    acknowledge.settle(source, outcomes_of(source, 12))
    acknowledge.outcomes.shutdown()
    acknowledge.step()
    acknowledge.step()
    with pytest.raises(ShutDown):
        acknowledge.step()
    assert source.calls == [10, 2]


def test_what_is_written_is_deleted_also_when_everything_is_cancelled() -> None:
    """By the helper what it was given before, by commit what it still has."""
    source, acknowledge = ScriptedSource(), Acknowledge()
    before, after = outcomes_of(source, 12), outcomes_of(source, 3)
    acknowledge.settle(source, before)
    acknowledge.outcomes.shutdown(immediate=True)
    acknowledge.settle(source, after)
    assert source.settled == after
    acknowledge.step()
    acknowledge.step()
    assert source.settled == after + before
    with pytest.raises(ShutDown):
        acknowledge.step()


def test_an_end_in_the_middle_deletes_each_message_once(monkeypatch: pytest.MonkeyPatch) -> None:
    source, acknowledge = ScriptedSource(), Acknowledge()
    first, *rest = outcomes = outcomes_of(source, 3)
    put = acknowledge.outcomes.put

    def put_the_last(outcome: Outcome) -> None:
        put(outcome)
        acknowledge.outcomes.shutdown(immediate=True)

    monkeypatch.setattr(acknowledge.outcomes, "put", put_the_last)
    acknowledge.settle(source, outcomes)
    assert source.settled == rest
    acknowledge.step()
    assert source.settled == [*rest, first]


def test_in_threads_no_result_waits_for_a_delete() -> None:
    """The pipeline hands deletes to the helper; a cancelled one still deletes what is written."""
    source = ScriptedSource(photos={key: photo(2) for key in IDS[:4]})
    rig, gate, never = StageRig(source), Gate(), threading.Event()
    settle = source.settle

    def long_poll() -> None:
        never.wait(0.1)

    def has_answered(count: int) -> bool:
        return len(source.answered) == count

    def slow_settle(outcomes: list[Outcome]) -> None:
        gate()
        settle(outcomes)

    source.settle = slow_settle  # type: ignore[method-assign] # a queue that is slow to delete
    source.meanwhile = long_poll
    pipeline = rig.pipeline()
    pipeline.start()
    for number, key in enumerate(IDS[:4]):
        rig.uploads.put(source.upload(key, number=number))
        eventually(partial(has_answered, number + 1))
    assert source.settled == []
    pipeline.cancel()
    gate.open.set()
    eventually(lambda: len(source.settled) == 4)
    assert pipeline.join(rig.clock() + 10) == []


def test_poll_receives_nothing_while_deletes_are_behind() -> None:
    rig = StageRig()
    left = outcomes_of(rig.source, BEHIND + 1)
    rig.acknowledge.settle(rig.source, left)
    rig.poll.step()
    assert rig.source.asked_for == []
    rig.acknowledge.step()
    rig.poll.step()
    assert len(rig.source.asked_for) == 1
