"""What the main thread makes of signals, failures and deadlines: the exit code, and what is released."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from tests.support.fakes import Gate, ManualClock
from tests.support.stand import eventually
from worker.errors import GivenUpError, StalledError
from worker.pipeline import queues
from worker.pipeline.outages import Outages, Part
from worker.pipeline.queues import BoundedQueue
from worker.pipeline.threads import Pipeline, Stage
from worker.supervision.health import Phase
from worker.supervision.supervisor import FAILED, OK, UNFINISHED, Patience, StopFlag, StoppedError, Supervisor
from worker.telemetry.counters import Telemetry


@dataclass
class CountingUploads:
    """Counts extensions and releases; holds `held` messages until they are released."""

    held: int = 0
    extended: int = 0
    releases: list[int] = field(default_factory=list)

    @property
    def in_flight(self) -> int:
        return self.held

    def extend_due(self) -> None:
        self.extended += 1

    def release_all(self) -> int:
        released, self.held = self.held, 0
        self.releases.append(released)
        return released


@dataclass
class NotedState:
    """Notes each phase it is told of; `broken` fails as a full disk does."""

    phases: list[Phase] = field(default_factory=list)
    removed: bool = False
    broken: bool = False

    def write(self, phase: Phase, in_flight: int, ages: Mapping[str, float]) -> None:
        self.phases.append(phase)
        if self.broken:
            raise OSError("no space left")

    def remove(self) -> None:
        self.removed = True


@dataclass
class NotedTicks:
    """Notes how many messages were in flight whenever it was asked to look after the task's protection."""

    seen: list[int] = field(default_factory=list)

    def tick(self, in_flight: int) -> None:
        self.seen.append(in_flight)


@dataclass
class FakeApp:
    """A pipeline of a stage or two, and nothing of AWS."""

    pipeline: Pipeline
    uploads: CountingUploads
    telemetry: Telemetry = field(default_factory=Telemetry)
    outages: Outages = field(default_factory=lambda: Outages(time.monotonic, lambda: 0.0))
    state: NotedState = field(default_factory=NotedState)
    stopping: threading.Event = field(default_factory=threading.Event)
    protector: "NotedTicks | None" = None


PATIENCE = Patience(drain_deadline=10.0, receive_wait=0.0, stall_after=60.0, give_up_after=0.0)


def run(app: FakeApp, stop: StopFlag, patience: Patience = PATIENCE) -> int:
    return Supervisor(cast("Any", app), stop, patience, time.monotonic).run()


def asked_to_stop() -> StopFlag:
    stop = StopFlag()
    stop.ask()
    return stop


def working() -> None:
    """A step that takes a moment."""
    threading.Event().wait(0.001)


def test_a_stop_drains_and_exits_with_0() -> None:
    app = FakeApp(Pipeline([Stage("poll", working)], time.monotonic), CountingUploads())
    assert run(app, asked_to_stop()) == OK
    assert app.stopping.is_set()
    assert app.state.removed
    assert sum(app.uploads.releases) == 0


def test_protection_is_looked_after_while_it_polls_and_not_while_it_drains() -> None:
    ticks, stop, answer = NotedTicks(), StopFlag(), list[int]()
    gate = Gate()
    app = FakeApp(Pipeline([Stage("poll", gate)], time.monotonic), CountingUploads(held=2), protector=ticks)
    patience = replace(PATIENCE, drain_deadline=60.0)
    supervisor = threading.Thread(target=lambda: answer.append(run(app, stop, patience)))
    supervisor.start()
    eventually(lambda: len(ticks.seen) > 2)
    stop.ask()
    eventually(lambda: app.state.phases.count("draining") > 2)
    polled = app.state.phases.count("polling")
    gate.open.set()
    supervisor.join(20)
    assert ticks.seen == [2] * polled


def test_a_stage_that_fails_releases_everything_and_exits_with_1() -> None:
    def broken() -> None:
        raise RuntimeError("broken")

    app = FakeApp(
        Pipeline([Stage("poll", working), Stage("infer", broken)], time.monotonic), CountingUploads(held=3)
    )
    assert run(app, StopFlag()) == FAILED
    assert app.uploads.releases[0] == 3


@pytest.mark.parametrize(("signals", "deadline"), [(1, 1.5), (2, 60.0)], ids=["deadline", "second signal"])
def test_a_drain_that_is_not_finished_releases_the_rest_and_exits_with_3(
    signals: int, deadline: float
) -> None:
    stop = asked_to_stop()
    gate = Gate()
    app = FakeApp(Pipeline([Stage("poll", gate)], time.monotonic), CountingUploads(held=2))
    answer: list[int] = []
    supervisor = threading.Thread(
        target=lambda: answer.append(run(app, stop, replace(PATIENCE, drain_deadline=deadline)))
    )
    supervisor.start()
    assert gate.reached.wait(5)
    eventually(
        lambda: "draining" in app.state.phases and app.uploads.extended > 1
    )  # leases are kept meanwhile
    stop.asked = signals
    supervisor.join(20)
    gate.open.set()
    assert answer == [UNFINISHED]
    assert app.uploads.releases[0] == 2
    assert "draining" in app.state.phases


def test_a_thread_that_hangs_in_a_step_ends_the_process_and_what_is_held_is_released_first() -> None:
    gate = Gate()
    app = FakeApp(
        Pipeline([Stage("poll", working), Stage("infer", gate)], time.monotonic), CountingUploads(held=4)
    )
    assert run(app, StopFlag(), replace(PATIENCE, stall_after=1.0)) == FAILED
    gate.open.set()
    assert isinstance(app.pipeline.error, StalledError)
    assert "infer" in str(app.pipeline.error)
    assert app.uploads.releases[0] == 4


def test_a_process_that_was_paused_as_a_whole_goes_on() -> None:
    """Its threads' last steps are old only because none of them ran."""
    paused = 0.0
    gate = Gate()

    def clock() -> float:
        return time.monotonic() + paused

    app = FakeApp(Pipeline([Stage("infer", gate)], clock), CountingUploads())
    stop, answer = StopFlag(clock), list[int]()
    main = Supervisor(cast("Any", app), stop, PATIENCE, clock)
    supervisor = threading.Thread(target=lambda: answer.append(main.run()))
    supervisor.start()
    assert gate.reached.wait(5)
    paused = 1000.0
    ticks = len(app.state.phases)
    eventually(lambda: len(app.state.phases) > ticks + 2)
    gate.open.set()
    stop.ask()
    supervisor.join(20)
    assert answer == [OK]
    assert app.pipeline.error is None


def test_a_thread_that_waits_at_a_queue_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "SLICE", 0.01)
    full: BoundedQueue[int] = BoundedQueue(1)
    full.put(0)
    clock = ManualClock()
    stop, answer = StopFlag(clock), list[int]()
    app = FakeApp(Pipeline([Stage("poll", lambda: full.put(1), output=full)], clock), CountingUploads())
    main = Supervisor(cast("Any", app), stop, replace(PATIENCE, stall_after=2.0), clock)
    supervisor = threading.Thread(target=lambda: answer.append(main.run()))
    supervisor.start()
    for _ in range(4):
        clock.seconds += 0.9
        app.state.phases.clear()
        eventually(lambda: len(app.state.phases) > 1)
    stop.ask()
    eventually(lambda: "draining" in app.state.phases)
    full.get()
    supervisor.join(20)
    assert answer == [OK]


def test_a_part_that_has_failed_for_too_long_ends_the_process() -> None:
    app = FakeApp(Pipeline([Stage("poll", working)], time.monotonic), CountingUploads())
    seconds = iter([0.0, 70.0])
    app.outages = Outages(lambda: next(seconds, 71.0), lambda: 0.0)
    for _ in range(2):
        app.outages.failed(Part.STORAGE, "503")
    assert run(app, StopFlag(), replace(PATIENCE, give_up_after=60.0)) == FAILED
    assert isinstance(app.pipeline.error, GivenUpError)
    assert "S3 fails: 503" in str(app.pipeline.error)


def test_a_disk_that_is_full_does_not_stop_the_work() -> None:
    app = FakeApp(
        Pipeline([Stage("poll", working)], time.monotonic), CountingUploads(), state=NotedState(broken=True)
    )
    stop, answer = StopFlag(), list[int]()
    supervisor = threading.Thread(target=lambda: answer.append(run(app, stop)))
    supervisor.start()
    eventually(lambda: len(app.state.phases) > 2)
    stop.ask()
    supervisor.join(20)
    assert answer == [OK]
    assert app.telemetry.counts["state_file_failed"] > 2


def test_the_deadline_counts_from_the_signal() -> None:
    stop = StopFlag(clock=lambda: time.monotonic() - 100)
    stop.ask()
    gate = Gate()
    app = FakeApp(Pipeline([Stage("poll", gate)], time.monotonic), CountingUploads())
    assert run(app, stop, replace(PATIENCE, drain_deadline=60)) == UNFINISHED
    gate.open.set()


def test_a_stop_before_the_start_is_noticed_at_the_next_checkpoint() -> None:
    stop = StopFlag()
    stop.checkpoint()
    stop.ask()
    with pytest.raises(StoppedError):
        stop.checkpoint()
