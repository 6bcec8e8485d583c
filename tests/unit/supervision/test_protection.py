"""The protection schedule, and the protector that calls ECS by it."""

import itertools
import threading
from collections.abc import Callable

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fakes import Gate, ManualClock
from tests.support.waiting import eventually
from worker.supervision.protection import (
    FINAL,
    FIRST_RETRY,
    IDLE,
    LONGEST_PROTECTION,
    LONGEST_RETRY,
    MIN_INTERVAL,
    MINUTES,
    PAUSE,
    RARE_RETRY,
    ProtectionSchedule,
    RefusedError,
)
from worker.supervision.protector import Protector
from worker.telemetry.counters import Telemetry

TICK = 0.25  # seconds


class Task:
    """A schedule, its clock, and an ECS that carries out or refuses its calls."""

    def __init__(self, chance: float = 0.0) -> None:
        self.clock = ManualClock()
        self.schedule = ProtectionSchedule(self.clock, lambda: chance)
        self.calls: list[tuple[float, bool]] = []  # time, and whether to enable
        self.reports: list[str] = []
        self.refusal = ""
        self.expires_at = 0.0  # when the protection expires at ECS

    @property
    def now(self) -> float:
        return self.clock.seconds - 1000

    def run(self, seconds: float, in_flight: int) -> "Task":
        """Let time pass with so many messages in flight."""
        for _ in range(round(seconds / TICK)):
            self.clock.seconds += TICK
            enabled = self.schedule.next_call(in_flight)
            if enabled is not None:
                self.calls.append((self.now, enabled))
                self._answer(enabled)
        return self

    def _answer(self, enabled: bool) -> None:
        if self.refusal:
            if self.schedule.report_refusal(self.refusal):
                self.reports.append(self.refusal)
            return
        self.expires_at = self.now + MINUTES * 60 if enabled else 0.0
        if self.schedule.report_success(enabled):
            self.reports.append("protected" if enabled else "unprotected")

    @property
    def is_protected(self) -> bool:
        return self.now < self.expires_at


def test_an_idle_task_makes_no_call() -> None:
    assert Task().run(3600, 0).calls == []


def test_the_first_photo_protects_the_task_and_idleness_ends_it() -> None:
    task = Task().run(60, 0).run(1, 3)
    assert task.calls == [(60.25, True)]
    task.run(IDLE - TICK, 0)
    assert len(task.calls) == 1
    task.run(1, 0)
    assert task.calls[1:] == [(61 + IDLE, False)]
    assert task.reports == ["protected", "unprotected"]
    assert len(task.run(3600, 0).calls) == 2


def test_occasional_photos_keep_the_protection_without_more_calls() -> None:
    task = Task()
    for _ in range(8):
        task.run(TICK, 1).run(IDLE - 5, 0)
    assert task.reports == ["protected"]
    assert len(task.calls) == 1


def test_under_load_the_protection_is_prolonged_long_before_it_expires() -> None:
    task = Task().run(LONGEST_PROTECTION - 1, 5)
    moments = [moment for moment, _ in task.calls]
    apart = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert set(apart) == {MINUTES * 60 / 2}
    assert task.reports == ["protected"]


def test_under_steady_load_the_protection_pauses_so_that_deployments_can_finish() -> None:
    task = Task().run(2 * (LONGEST_PROTECTION + PAUSE), 5)
    assert task.reports == ["protected", "unprotected", "protected", "unprotected"]
    changes = [moment for moment, enabled in task.calls if not enabled]
    assert changes == [LONGEST_PROTECTION + TICK, 2 * LONGEST_PROTECTION + PAUSE + TICK]
    resumed = next(moment for moment, enabled in task.calls if enabled and moment > changes[0])
    assert resumed == changes[0] + PAUSE


@pytest.mark.parametrize(("chance", "part"), [(0.0, 1.0), (1.0, 0.5)])
def test_refusals_are_retried_ever_later_with_jitter(chance: float, part: float) -> None:
    task = Task(chance)
    task.refusal = "ThrottlingException"
    task.run(3600, 1)
    moments = [moment for moment, _ in task.calls]
    apart = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert apart[:6] == [part * pause for pause in (FIRST_RETRY, 20, 40, 80, 160, LONGEST_RETRY)]
    assert set(apart[5:]) == {part * LONGEST_RETRY}
    assert task.reports == ["ThrottlingException"]


@pytest.mark.parametrize("cause", sorted(FINAL))
def test_a_refusal_that_only_a_person_can_cure_is_retried_rarely(cause: str) -> None:
    task = Task()
    task.refusal = cause
    task.run(3 * RARE_RETRY, 1)
    assert [moment for moment, _ in task.calls] == [TICK, TICK + RARE_RETRY, TICK + 2 * RARE_RETRY]
    assert task.reports == [cause]


def test_each_cause_is_reported_once_until_the_next_success() -> None:
    task = Task()
    for cause in ("NoAnswer", "ThrottlingException", "NoAnswer", ""):
        task.refusal = cause
        task.run(LONGEST_RETRY, 1)
    assert task.reports == ["NoAnswer", "ThrottlingException", "protected"]
    task.refusal = "NoAnswer"
    task.run(MINUTES * 60, 1)
    assert task.reports[3:] == ["NoAnswer"]


def test_after_a_success_retries_are_quick_again() -> None:
    task = Task()
    task.refusal = "NoAnswer"
    task.run(300, 1)
    task.refusal = ""
    task.run(LONGEST_RETRY, 1)
    task.refusal = "NoAnswer"
    before = len(task.calls)
    task.run(400, 1)
    first, second = (moment for moment, _ in task.calls[before : before + 2])
    assert second - first == FIRST_RETRY


def test_a_protection_that_expired_is_reported_when_it_is_back() -> None:
    task = Task().run(60, 1)
    task.refusal = "NoAnswer"
    task.run(MINUTES * 60, 1)
    assert not task.is_protected
    task.refusal = ""
    task.run(LONGEST_RETRY, 1)
    assert task.reports == ["protected", "NoAnswer", "protected"]


def test_a_refused_end_is_retried_until_the_protection_expires() -> None:
    task = Task().run(1, 1)
    task.refusal = "NoAnswer"
    task.run(3600, 0)
    attempts = [moment for moment, enabled in task.calls if not enabled]
    assert len(attempts) > 2
    assert max(attempts) < TICK + MINUTES * 60


Scenes = st.lists(
    st.tuples(st.floats(0.25, 120), st.integers(0, 2), st.sampled_from(["", "", "NoAnswer", "AccessDenied"])),
    max_size=12,
)


@given(Scenes, st.floats(0, 1))
def test_calls_are_always_seconds_apart_and_an_idle_task_is_soon_unprotected(
    scenes: list[tuple[float, int, str]], chance: float
) -> None:
    task = Task(chance)
    for seconds, in_flight, refusal in scenes:
        task.refusal = refusal
        task.run(seconds, in_flight)
    moments = [moment for moment, _ in task.calls]
    assert all(later - earlier >= MIN_INTERVAL - 1e-6 for earlier, later in itertools.pairwise(moments))
    task.run(IDLE + MINUTES * 60 + 2 * TICK, 0)
    assert not task.is_protected


# The protector, beside the main thread


class SlowAgent:
    """Answers once its gate is open, and records the calls."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.gate = Gate(then)
        self.calls: list[bool] = []

    def set_protection(self, enabled: bool) -> None:
        self.calls.append(enabled)
        self.gate()


def test_a_slow_call_blocks_nothing_and_no_second_one_starts() -> None:
    agent, clock, telemetry = SlowAgent(), ManualClock(), Telemetry()
    protector = Protector(agent, ProtectionSchedule(clock, lambda: 0.0), telemetry)
    for _ in range(400):
        clock.seconds += 1
        protector.tick(1)
    assert agent.gate.reached.wait(5)
    assert agent.calls == [True]
    assert "protected" not in telemetry.counts
    agent.gate.open.set()

    def is_noted() -> bool:
        protector.tick(1)
        return telemetry.counts.get("protected") == 1

    eventually(is_noted)


def tick_until_refused(protector: Protector, telemetry: Telemetry, times: int, clock: ManualClock) -> None:
    def is_counted() -> bool:
        clock.seconds += LONGEST_RETRY
        protector.tick(1)
        return telemetry.counts.get("protection_refused", 0) >= times

    eventually(is_counted)


def test_each_refusal_is_counted_and_only_the_first_is_logged() -> None:
    def refuse() -> None:
        raise RefusedError("AccessDeniedException", "the task role needs ecs:UpdateTaskProtection")

    agent, clock, telemetry = SlowAgent(refuse), ManualClock(), Telemetry()
    agent.gate.open.set()
    with structlog.testing.capture_logs() as lines:
        tick_until_refused(
            Protector(agent, ProtectionSchedule(clock, lambda: 0.0), telemetry), telemetry, 3, clock
        )
    (line,) = lines
    assert (line["event"], line["log_level"]) == ("protection_refused", "warning")
    assert (line["code"], line["protect"]) == ("AccessDeniedException", True)
    assert "ecs:UpdateTaskProtection" in line["reason"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_unexpected_error_counts_as_a_refusal() -> None:
    def break_off() -> None:
        raise RuntimeError("a fault of the adapter")

    agent, clock, telemetry = SlowAgent(break_off), ManualClock(), Telemetry()
    agent.gate.open.set()
    tick_until_refused(
        Protector(agent, ProtectionSchedule(clock, lambda: 0.0), telemetry), telemetry, 1, clock
    )
    assert "protected" not in telemetry.counts


def test_a_call_without_a_thread_counts_as_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_to_start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail_to_start)
    agent, clock, telemetry = SlowAgent(), ManualClock(), Telemetry()
    protector = Protector(agent, ProtectionSchedule(clock, lambda: 0.0), telemetry)
    protector.tick(1)
    protector.tick(1)
    assert (agent.calls, telemetry.counts) == ([], {"protection_refused": 1})
