"""When ECS is asked to protect the task: by the number of photos in flight, with hysteresis, and never too often."""

import itertools
import threading
from collections.abc import Callable

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fakes import Gate, ManualClock
from tests.support.stand import eventually
from worker.supervision.protection import (
    FINAL,
    FIRST,
    GAP,
    IDLE,
    LONGEST,
    MINUTES,
    MOST,
    REST,
    SELDOM,
    Protection,
    RefusedError,
)
from worker.supervision.protector import Protector
from worker.telemetry.counters import Telemetry

TICK = 0.25  # seconds


class Task:
    """A protection, its clock, and an ECS that grants or refuses what it is asked for."""

    def __init__(self, chance: float = 0.0) -> None:
        self.clock = ManualClock()
        self.protection = Protection(self.clock, lambda: chance)
        self.asked: list[tuple[float, bool]] = []  # when, and for what
        self.told: list[str] = []
        self.refusal = ""
        self.until = 0.0  # when ECS ends the protection by itself

    @property
    def now(self) -> float:
        return self.clock.seconds - 1000

    def run(self, seconds: float, in_flight: int) -> "Task":
        """Let time pass with so many messages in flight."""
        for _ in range(round(seconds / TICK)):
            self.clock.seconds += TICK
            wanted = self.protection.due(in_flight)
            if wanted is not None:
                self.asked.append((self.now, wanted))
                self._answer(wanted)
        return self

    def _answer(self, wanted: bool) -> None:
        if self.refusal:
            if self.protection.refused(self.refusal):
                self.told.append(self.refusal)
            return
        self.until = self.now + MINUTES * 60 if wanted else 0.0
        if self.protection.granted(wanted):
            self.told.append("protected" if wanted else "unprotected")

    @property
    def is_protected(self) -> bool:
        return self.now < self.until


def test_an_idle_task_asks_for_nothing() -> None:
    assert Task().run(3600, 0).asked == []


def test_the_first_photo_protects_at_once_and_an_idle_while_ends_it() -> None:
    task = Task().run(60, 0).run(1, 3)
    assert task.asked == [(60.25, True)]
    task.run(IDLE - TICK, 0)
    assert len(task.asked) == 1
    task.run(1, 0)
    assert task.asked[1:] == [(61 + IDLE, False)]
    assert task.told == ["protected", "unprotected"]
    assert len(task.run(3600, 0).asked) == 2


def test_photos_now_and_then_keep_it_and_cost_no_calls() -> None:
    task = Task()
    for _ in range(8):
        task.run(TICK, 1).run(IDLE - 5, 0)
    assert task.told == ["protected"]
    assert len(task.asked) == 1


def test_under_load_it_is_prolonged_long_before_it_ends() -> None:
    task = Task().run(MOST - 1, 5)
    moments = [moment for moment, _ in task.asked]
    apart = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert set(apart) == {MINUTES * 60 / 2}
    assert task.told == ["protected"]


def test_under_unbroken_load_it_rests_now_and_then_so_that_deployments_get_on() -> None:
    task = Task().run(2 * (MOST + REST), 5)
    assert task.told == ["protected", "unprotected", "protected", "unprotected"]
    changes = [moment for moment, wanted in task.asked if not wanted]
    assert changes == [MOST + TICK, 2 * MOST + REST + TICK]
    resumed = next(moment for moment, wanted in task.asked if wanted and moment > changes[0])
    assert resumed == changes[0] + REST


@pytest.mark.parametrize(("chance", "part"), [(0.0, 1.0), (1.0, 0.5)])
def test_a_refusal_is_followed_by_ever_longer_pauses_which_chance_shortens(
    chance: float, part: float
) -> None:
    task = Task(chance)
    task.refusal = "ThrottlingException"
    task.run(3600, 1)
    moments = [moment for moment, _ in task.asked]
    apart = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert apart[:6] == [part * pause for pause in (FIRST, 20, 40, 80, 160, LONGEST)]
    assert set(apart[5:]) == {part * LONGEST}
    assert task.told == ["ThrottlingException"]


@pytest.mark.parametrize("why", sorted(FINAL))
def test_what_only_a_change_of_the_set_up_mends_is_tried_seldom(why: str) -> None:
    task = Task()
    task.refusal = why
    task.run(3 * SELDOM, 1)
    assert [moment for moment, _ in task.asked] == [TICK, TICK + SELDOM, TICK + 2 * SELDOM]
    assert task.told == [why]


def test_each_cause_is_told_once_and_again_after_a_success() -> None:
    task = Task()
    for why in ("NoAnswer", "ThrottlingException", "NoAnswer", ""):
        task.refusal = why
        task.run(LONGEST, 1)
    assert task.told == ["NoAnswer", "ThrottlingException", "protected"]
    task.refusal = "NoAnswer"
    task.run(MINUTES * 60, 1)
    assert task.told[3:] == ["NoAnswer"]


def test_after_a_success_pauses_are_short_again() -> None:
    task = Task()
    task.refusal = "NoAnswer"
    task.run(300, 1)
    task.refusal = ""
    task.run(LONGEST, 1)
    task.refusal = "NoAnswer"
    before = len(task.asked)
    task.run(400, 1)
    first, second = (moment for moment, _ in task.asked[before : before + 2])
    assert second - first == FIRST


def test_a_protection_that_could_not_be_prolonged_is_told_when_it_is_back() -> None:
    task = Task().run(60, 1)
    task.refusal = "NoAnswer"
    task.run(MINUTES * 60, 1)
    assert not task.is_protected
    task.refusal = ""
    task.run(LONGEST, 1)
    assert task.told == ["protected", "NoAnswer", "protected"]


def test_an_end_that_is_refused_is_tried_again_until_the_protection_has_ended_by_itself() -> None:
    task = Task().run(1, 1)
    task.refusal = "NoAnswer"
    task.run(3600, 0)
    tries = [moment for moment, wanted in task.asked if not wanted]
    assert len(tries) > 2
    assert max(tries) < TICK + MINUTES * 60


Scenes = st.lists(
    st.tuples(st.floats(0.25, 120), st.integers(0, 2), st.sampled_from(["", "", "NoAnswer", "AccessDenied"])),
    max_size=12,
)


@given(Scenes, st.floats(0, 1))
def test_whatever_comes_calls_are_seconds_apart_and_nothing_is_protected_for_long_without_work(
    scenes: list[tuple[float, int, str]], chance: float
) -> None:
    task = Task(chance)
    for seconds, in_flight, refusal in scenes:
        task.refusal = refusal
        task.run(seconds, in_flight)
    moments = [moment for moment, _ in task.asked]
    assert all(later - earlier >= GAP - 1e-6 for earlier, later in itertools.pairwise(moments))
    task.run(IDLE + MINUTES * 60 + 2 * TICK, 0)
    assert not task.is_protected


# beside the main thread


class SlowAgent:
    """Answers when it is let; notes what it was asked for."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.gate = Gate(then)
        self.asked: list[bool] = []

    def protect(self, wanted: bool) -> None:
        self.asked.append(wanted)
        self.gate()


def test_a_call_that_takes_long_keeps_nobody_waiting_and_no_second_one_is_made() -> None:
    agent, clock, telemetry = SlowAgent(), ManualClock(), Telemetry()
    keeper = Protector(agent, Protection(clock, lambda: 0.0), telemetry)
    for _ in range(400):
        clock.seconds += 1
        keeper.tick(1)
    assert agent.gate.reached.wait(5)
    assert agent.asked == [True]
    assert "protected" not in telemetry.counts
    agent.gate.open.set()

    def is_noted() -> bool:
        keeper.tick(1)
        return telemetry.counts.get("protected") == 1

    eventually(is_noted)


def until_counted(keeper: Protector, telemetry: Telemetry, times: int, clock: ManualClock) -> None:
    def is_counted() -> bool:
        clock.seconds += LONGEST
        keeper.tick(1)
        return telemetry.counts.get("protection_refused", 0) >= times

    eventually(is_counted)


def test_refusals_are_counted_each_and_logged_once() -> None:
    def refuse() -> None:
        raise RefusedError("AccessDeniedException", "the task role needs ecs:UpdateTaskProtection")

    agent, clock, telemetry = SlowAgent(refuse), ManualClock(), Telemetry()
    agent.gate.open.set()
    with structlog.testing.capture_logs() as lines:
        until_counted(Protector(agent, Protection(clock, lambda: 0.0), telemetry), telemetry, 3, clock)
    (line,) = lines
    assert (line["event"], line["log_level"]) == ("protection_refused", "warning")
    assert (line["code"], line["protect"]) == ("AccessDeniedException", True)
    assert "ecs:UpdateTaskProtection" in line["reason"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_call_that_breaks_in_an_unforeseen_way_was_refused() -> None:
    def break_off() -> None:
        raise RuntimeError("a fault of the adapter")

    agent, clock, telemetry = SlowAgent(break_off), ManualClock(), Telemetry()
    agent.gate.open.set()
    until_counted(Protector(agent, Protection(clock, lambda: 0.0), telemetry), telemetry, 1, clock)
    assert "protected" not in telemetry.counts


def test_where_no_thread_is_to_be_had_the_call_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", exhausted)
    agent, clock, telemetry = SlowAgent(), ManualClock(), Telemetry()
    keeper = Protector(agent, Protection(clock, lambda: 0.0), telemetry)
    keeper.tick(1)
    keeper.tick(1)
    assert (agent.asked, telemetry.counts) == ([], {"protection_refused": 1})
