"""The main thread on signals, failures and deadlines: its exit code, and what it releases."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from tests.support.fakes import Gate, ManualClock
from tests.support.waiting import eventually
from worker.errors import GivenUpError, Part, StalledError
from worker.pipeline import queues
from worker.pipeline.outages import Outages
from worker.pipeline.queues import BoundedQueue, ShutDown
from worker.pipeline.threads import Pipeline, Stage
from worker.settings.consistency import SETTLING
from worker.supervision.health import Phase
from worker.supervision.supervisor import (
    CANCEL_TIMEOUT,
    FAILED,
    OK,
    UNFINISHED,
    StopFlag,
    StoppedError,
    Supervisor,
    Timeouts,
)
from worker.telemetry.counters import Telemetry

TIMEOUTS = Timeouts(drain_deadline=10.0, receive_wait=0.0, stall_after=60.0, give_up_after=0.0)


@dataclass
class CountingUploads:
    """Counts extensions and releases; holds `in_flight` messages until they are released.

    `receiving` is a receive under way, until a test ends it. `silent` is an SQS that does not answer a release.
    """

    in_flight: int = 0
    extended: int = 0
    releases: list[int] = field(default_factory=list)
    survived: set[bool] = field(default_factory=set)  # what was said of those released
    closed: bool = False
    receiving: bool = False
    silent: Gate | None = None

    def extend_due(self) -> None:
        self.extended += 1

    def close(self) -> None:
        self.closed = True

    def wait_for_receives(self, timeout: float) -> bool:
        assert self.closed, "another receive could begin"
        return not self.receiving

    def release_all(self, survived: bool) -> int:
        self.survived.add(survived)
        if self.silent:
            self.silent()
        released, self.in_flight = self.in_flight, 0
        self.releases.append(released)
        return released


@dataclass
class RecordingState:
    """Records each phase; `broken` fails as a full disk does."""

    phases: list[Phase] = field(default_factory=list)
    removed: bool = False
    broken: bool = False
    outages: set[str] = field(default_factory=set)

    def write(
        self, phase: Phase, in_flight: int, ages: Mapping[str, float], outages: Mapping[str, float]
    ) -> None:
        self.phases.append(phase)
        self.outages |= set(outages)
        if self.broken:
            raise OSError("no space left")

    def remove(self) -> None:
        self.removed = True


@dataclass
class RecordingProtector:
    """Records how many messages were in flight at each tick."""

    ticks: list[int] = field(default_factory=list)

    def tick(self, in_flight: int) -> None:
        self.ticks.append(in_flight)


class FakeWorker:
    """A pipeline of one or two stages, the first of which is its source, without AWS."""

    def __init__(
        self, first: Stage, *others: Stage, held: int = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.pipeline = Pipeline([replace(first, is_source=True), *others], clock)
        self.uploads = CountingUploads(held)
        self.closed = False
        self.telemetry = Telemetry()
        self.outages = Outages(time.monotonic, lambda: 0.0)
        self.state = RecordingState()
        self.stopping = threading.Event()
        self.protector: RecordingProtector | None = None

    def close(self) -> None:
        self.closed = True

    def start(self) -> dict[str, object]:
        return {"seconds": 1.5}


class Running:
    """A supervisor in a thread of its own."""

    def __init__(
        self,
        worker: FakeWorker,
        stop: StopFlag,
        timeouts: Timeouts = TIMEOUTS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._codes: list[int] = []
        supervisor = Supervisor(cast("Any", worker), stop, timeouts, clock)
        self._thread = threading.Thread(target=lambda: self._codes.append(supervisor.run()))
        self._thread.start()

    def exit_code(self) -> int:
        self._thread.join(20)
        (code,) = self._codes
        return code


def requested_stop() -> StopFlag:
    stop = StopFlag()
    stop.request()
    return stop


def work() -> None:
    """A step that takes a moment."""
    threading.Event().wait(0.001)


def end() -> None:
    raise ShutDown


def fail() -> None:
    raise RuntimeError("broken")


def test_a_stop_drains_and_exits_with_0() -> None:
    worker = FakeWorker(Stage("poll", work))
    assert Running(worker, requested_stop()).exit_code() == OK
    assert worker.stopping.is_set()
    assert worker.state.removed
    assert worker.closed
    assert sum(worker.uploads.releases) == 0


def test_the_protector_ticks_while_the_worker_polls_and_not_while_it_drains() -> None:
    stop, gate, protector = StopFlag(), Gate(), RecordingProtector()
    worker = FakeWorker(Stage("poll", gate), held=2)
    worker.protector = protector
    running = Running(worker, stop, replace(TIMEOUTS, drain_deadline=60.0))
    eventually(lambda: len(protector.ticks) > 2)
    stop.request()
    eventually(lambda: worker.state.phases.count("draining") > 2)
    polls = worker.state.phases.count("polling")
    gate.open.set()
    running.exit_code()
    assert protector.ticks == [2] * polls


def test_a_stage_that_fails_releases_everything_and_exits_with_1() -> None:
    worker = FakeWorker(Stage("poll", work), Stage("infer", fail), held=3)
    assert Running(worker, StopFlag()).exit_code() == FAILED
    assert worker.uploads.releases[0] == 3
    assert worker.uploads.survived == {False}  # one of them may be to blame


@pytest.mark.parametrize("step", [work, fail])
def test_nobody_returns_a_photo_while_a_receive_could_take_it_back(step: Callable[[], None]) -> None:
    worker = FakeWorker(Stage("poll", step))

    class LateStop(threading.Event):
        def set(self) -> None:
            assert worker.uploads.closed
            super().set()

    worker.stopping = LateStop()
    Running(worker, requested_stop() if step is work else StopFlag()).exit_code()
    assert worker.stopping.is_set()


@pytest.mark.parametrize(
    ("signals", "deadline"), [(1, SETTLING + 1.5), (2, 60.0)], ids=["deadline", "second signal"]
)
def test_an_unfinished_drain_releases_the_rest_and_exits_with_3(signals: int, deadline: float) -> None:
    stop, gate = requested_stop(), Gate()
    worker = FakeWorker(Stage("poll", gate), held=2)
    running = Running(worker, stop, replace(TIMEOUTS, drain_deadline=deadline))
    assert gate.reached.wait(5)
    eventually(lambda: "draining" in worker.state.phases and worker.uploads.extended > 1)
    stop.requests = signals
    code = running.exit_code()
    gate.open.set()
    assert code == UNFINISHED
    assert worker.uploads.releases[0] == 2
    assert worker.uploads.survived == {signals < 2}  # a second signal waits for no note
    assert "draining" in worker.state.phases


def test_a_thread_that_hangs_in_a_step_ends_the_process_and_messages_are_released_first() -> None:
    gate = Gate(then=end)
    worker = FakeWorker(Stage("poll", work), Stage("infer", gate), held=4)
    assert Running(worker, StopFlag(), replace(TIMEOUTS, stall_after=1.0)).exit_code() == FAILED
    gate.open.set()
    assert isinstance(worker.pipeline.error, StalledError)
    assert "infer" in str(worker.pipeline.error)
    assert worker.uploads.survived == {False}
    assert worker.uploads.releases[0] == 4


def failing(clock: Callable[[], float], held: int = 3) -> FakeWorker:
    """A worker with a stage that fails, and a receive that is under way."""
    worker = FakeWorker(Stage("poll", work), Stage("infer", fail), held=held, clock=clock)
    worker.uploads.receiving = True
    return worker


def test_a_dying_worker_keeps_its_leases_until_no_receive_can_take_back_what_it_releases() -> None:
    clock = ManualClock()
    worker = failing(clock)
    running = Running(worker, StopFlag(clock), replace(TIMEOUTS, receive_wait=5.0), clock)
    eventually(lambda: worker.uploads.extended > 3)
    assert worker.uploads.releases == []
    worker.uploads.receiving = False
    assert running.exit_code() == FAILED
    assert worker.uploads.releases == [3, 0]


def test_a_receive_that_hangs_delays_the_release_by_no_more_than_a_long_poll_takes() -> None:
    clock = ManualClock()
    worker = failing(clock)
    running = Running(worker, StopFlag(clock), replace(TIMEOUTS, receive_wait=5.0), clock)
    eventually(lambda: worker.uploads.extended > 3)
    clock.seconds += 5.0 + CANCEL_TIMEOUT - 0.1
    before = worker.uploads.extended
    eventually(lambda: worker.uploads.extended > before + 1)
    assert worker.uploads.releases == []
    clock.seconds += 0.2
    assert running.exit_code() == FAILED
    assert worker.uploads.releases[0] == 3


def test_a_second_signal_does_not_wait_for_a_receive() -> None:
    clock = ManualClock()
    worker, stop = failing(clock), StopFlag(clock)
    running = Running(worker, stop, replace(TIMEOUTS, receive_wait=5.0), clock)
    eventually(lambda: worker.uploads.extended > 3)
    stop.request()
    stop.request()
    assert running.exit_code() == FAILED
    assert worker.uploads.releases[0] == 3


def test_a_stop_ends_by_its_deadline_though_a_stage_a_receive_and_the_release_hang() -> None:
    """By the clock nothing moves but what the test lets pass: the last seconds are real."""
    hanging, silent = Gate(), Gate()
    worker, stop = FakeWorker(Stage("poll", hanging), held=2), StopFlag()
    worker.uploads.receiving, worker.uploads.silent = True, silent
    deadline = SETTLING + 1.0
    running = Running(worker, stop, replace(TIMEOUTS, drain_deadline=deadline, receive_wait=60.0))
    assert hanging.reached.wait(5)
    begun = time.monotonic()
    stop.request()
    code = running.exit_code()
    took = time.monotonic() - begun
    hanging.open.set()
    silent.open.set()
    assert code == UNFINISHED
    assert silent.reached.is_set()
    assert 1.0 < took < deadline


def test_a_process_that_was_paused_continues() -> None:
    """Its threads' last steps are old only because none of them ran."""
    paused = 0.0
    gate = Gate()

    def clock() -> float:
        return time.monotonic() + paused

    worker, stop = FakeWorker(Stage("infer", gate), clock=clock), StopFlag(clock)
    running = Running(worker, stop, clock=clock)
    assert gate.reached.wait(5)
    paused = 1000.0
    ticks = len(worker.state.phases)
    eventually(lambda: len(worker.state.phases) > ticks + 2)
    gate.open.set()
    stop.request()
    assert running.exit_code() == OK
    assert worker.pipeline.error is None


def test_a_thread_that_waits_at_a_queue_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "SLICE", 0.01)
    full: BoundedQueue[int] = BoundedQueue(1)
    full.put(0)
    clock = ManualClock()
    worker, stop = FakeWorker(Stage("poll", lambda: full.put(1), output=full), clock=clock), StopFlag(clock)
    running = Running(worker, stop, replace(TIMEOUTS, stall_after=2.0), clock)
    for _ in range(4):
        clock.seconds += 0.9
        worker.state.phases.clear()
        eventually(lambda: len(worker.state.phases) > 1)
    stop.request()
    eventually(lambda: "draining" in worker.state.phases)
    assert [full.get(), full.get()] == [0, 1]  # there is one more step
    assert running.exit_code() == OK


def test_an_outage_that_lasts_too_long_ends_the_process() -> None:
    worker = FakeWorker(Stage("poll", work))
    seconds = iter([0.0, 70.0])
    worker.outages = Outages(lambda: next(seconds, 71.0), lambda: 0.0)
    for _ in range(2):
        worker.outages.note_failure((Part.STORAGE, "photos"), "503")
    assert Running(worker, StopFlag(), replace(TIMEOUTS, give_up_after=60.0)).exit_code() == FAILED
    assert isinstance(worker.pipeline.error, GivenUpError)
    assert worker.uploads.survived == {True}
    assert "S3 fails: 503" in str(worker.pipeline.error)
    assert worker.state.outages == {"S3"}


def test_a_full_disk_does_not_stop_the_work() -> None:
    worker, stop = FakeWorker(Stage("poll", work)), StopFlag()
    worker.state.broken = True
    running = Running(worker, stop)
    eventually(lambda: len(worker.state.phases) > 2)
    stop.request()
    assert running.exit_code() == OK
    assert worker.telemetry.counts["state_file_failed"] > 2


def test_the_drain_deadline_counts_from_the_signal() -> None:
    stop, gate = StopFlag(clock=lambda: time.monotonic() - 100), Gate()
    stop.request()
    worker = FakeWorker(Stage("poll", gate))
    assert Running(worker, stop, replace(TIMEOUTS, drain_deadline=60)).exit_code() == UNFINISHED
    gate.open.set()


def test_a_stop_during_the_start_raises_at_the_next_checkpoint() -> None:
    stop = StopFlag()
    stop.checkpoint()
    stop.request()
    with pytest.raises(StoppedError):
        stop.checkpoint()
