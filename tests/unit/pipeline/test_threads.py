"""Starting, draining and cancelling, with narrow and wide queues and stages that only move numbers."""

import itertools
import threading
import time
from collections.abc import Callable

import pytest

from tests.support.fakes import Gate
from tests.support.waiting import eventually
from worker.pipeline.queues import BoundedQueue, ShutDown
from worker.pipeline.threads import Helpers, Pipeline, Stage

SIZES = [1, 2, 64]
PATIENCE = 10.0  # seconds a test waits for threads at most


class Line:
    """Three stages with two helpers in the middle: numbers are made, doubled by the helpers, passed on, collected."""

    def __init__(self, size: int, *, most: int = 100, broken: str = "", at: int = 10) -> None:
        self.first: BoundedQueue[int] = BoundedQueue(size)
        self.ready: BoundedQueue[int] = BoundedQueue(size)
        self.second: BoundedQueue[int] = BoundedQueue(size)
        self.collected: list[int] = []
        self.broken, self.at, self.most = broken, at, most
        self.numbers = itertools.count()
        self.made = threading.Event()
        stages = [
            Stage("make", self.guard("make", self.make), output=self.first, is_source=True),
            Stage(
                "pass",
                self.guard("pass", lambda: self.second.put(self.ready.get())),
                output=self.second,
                helpers=Helpers(
                    [self.guard("help", lambda: self.ready.put(2 * self.first.get()))] * 2, self.ready
                ),
            ),
            Stage("collect", self.guard("collect", lambda: self.collected.append(self.second.get()))),
        ]
        self.pipeline = Pipeline(stages, time.monotonic)

    def make(self) -> None:
        number = next(self.numbers)
        if number >= self.most:
            self.made.set()
            raise ShutDown  # like a source with no more items
        self.first.put(number)

    def guard(self, name: str, step: Callable[[], None]) -> Callable[[], None]:
        steps = itertools.count()

        def run() -> None:
            if name == self.broken and next(steps) == self.at:
                raise RuntimeError(f"{name} broke")
            step()

        return run

    def join(self) -> list[str]:
        return self.pipeline.join(time.monotonic() + PATIENCE)


@pytest.mark.parametrize("size", SIZES)
def test_everything_put_in_comes_out_once(size: int) -> None:
    line = Line(size)
    line.pipeline.start()
    assert line.join() == []
    assert sorted(line.collected) == [2 * number for number in range(100)]
    assert line.pipeline.error is None


@pytest.mark.parametrize("size", SIZES)
def test_closing_ends_the_first_stage_and_drains_the_others(size: int) -> None:
    line = Line(size, most=10**9)
    line.pipeline.start()
    deadline = time.monotonic() + PATIENCE
    while len(line.collected) < 50 and time.monotonic() < deadline:
        line.pipeline.wait(0.001)
    line.pipeline.close()
    line.pipeline.close()  # twice does no harm
    assert line.join() == []
    made = next(line.numbers)
    assert sorted(line.collected) == [2 * number for number in range(made)]
    assert line.pipeline.error is None


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("broken", ["make", "help", "pass", "collect"])
def test_a_stage_that_raises_cancels_the_rest_and_keeps_its_error(size: int, broken: str) -> None:
    line = Line(size, most=10**9, broken=broken)
    line.pipeline.start()
    assert line.join() == []
    assert str(line.pipeline.error) == f"{broken} broke"


@pytest.mark.parametrize("size", SIZES)
def test_cancelling_drops_what_is_queued_and_ends_all_threads(size: int) -> None:
    line = Line(size, most=10**9)
    line.pipeline.start()
    line.pipeline.cancel()
    line.pipeline.cancel()
    assert line.join() == []
    assert line.first.qsize() + line.ready.qsize() + line.second.qsize() == 0
    assert line.pipeline.error is None


def test_the_first_error_wins() -> None:
    pipeline = Pipeline([], time.monotonic)
    pipeline.cancel(RuntimeError("first"))
    pipeline.cancel(RuntimeError("second"))
    assert str(pipeline.error) == "first"


def test_a_thread_still_running_at_the_deadline_is_named() -> None:
    gate = Gate()
    pipeline = Pipeline([Stage("stuck", gate, is_source=True)], time.monotonic)
    pipeline.start()
    assert gate.reached.wait(PATIENCE)
    pipeline.close()
    assert pipeline.join(time.monotonic()) == ["stuck"]
    gate.open.set()
    assert pipeline.join(time.monotonic() + PATIENCE) == []


def test_one_deadline_is_shared_by_all_threads() -> None:
    shown = iter([0.0, 3.0, 9.0])
    waits: list[float] = []

    class Patient(threading.Thread):
        def join(self, timeout: float | None = None) -> None:
            waits.append(timeout or 0.0)

    pipeline = Pipeline([], clock=lambda: next(shown))
    pipeline._threads = [Patient(), Patient(), Patient()]
    pipeline.join(deadline=5.0)
    assert waits == [5.0, 2.0, 0.0]


def test_wait_reports_that_a_thread_has_ended() -> None:
    line = Line(1, broken="collect", at=0)
    line.pipeline.start()
    deadline = time.monotonic() + PATIENCE
    while line.pipeline.wait(0.05):
        assert time.monotonic() < deadline
    assert line.pipeline.error is not None


def test_threads_carry_the_names_of_their_stages() -> None:
    names: set[str] = set()

    def step() -> None:
        names.add(threading.current_thread().name)
        raise ShutDown

    queue: BoundedQueue[int] = BoundedQueue(1)
    pipeline = Pipeline([Stage("infer", step, helpers=Helpers([step] * 2, queue))], time.monotonic)
    pipeline.start()
    assert pipeline.join(time.monotonic() + PATIENCE) == []
    assert names == {"infer", "infer-helper-1", "infer-helper-2"}


def test_a_thread_beside_the_stages_is_started_and_never_waited_for() -> None:
    begun, leave = threading.Event(), threading.Event()

    def step() -> None:
        begun.set()
        leave.wait(5)
        raise ShutDown

    pipeline = Pipeline(
        [Stage("only", lambda: None, is_source=True)], time.monotonic, beside={"reload": step}
    )
    pipeline.start()
    assert begun.wait(5)
    pipeline.close()
    assert pipeline.join(time.monotonic() + 5) == []
    assert (pipeline.ages(), pipeline.lingers, pipeline.error) == ({}, True, None)
    leave.set()
    eventually(lambda: not pipeline.lingers)


def test_an_error_beside_the_stages_cancels_them_too() -> None:
    def step() -> None:
        raise ValueError("a fault of ours")

    pipeline = Pipeline(
        [Stage("only", lambda: None, is_source=True)], time.monotonic, beside={"reload": step}
    )
    pipeline.start()
    assert pipeline.join(time.monotonic() + 5) == []
    assert isinstance(pipeline.error, ValueError)
