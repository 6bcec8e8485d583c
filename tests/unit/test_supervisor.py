"""What the main thread makes of signals, failures and deadlines: the exit code, and what is released."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from tests.fakes import Gate
from worker.pipeline import Pipeline, Stage
from worker.supervisor import FAILED, OK, UNFINISHED, StopFlag, StoppedError, supervise
from worker.telemetry import Telemetry


@dataclass
class CountingUploads:
    """Counts extensions and releases; says that `held` messages were released."""

    held: int = 0
    extended: int = 0
    releases: list[int] = field(default_factory=list)

    def extend_due(self) -> None:
        self.extended += 1

    def release_all(self) -> int:
        self.releases.append(self.held)
        return self.held


@dataclass
class FakeApp:
    """A pipeline of one stage, and nothing of AWS."""

    pipeline: Pipeline
    uploads: CountingUploads
    telemetry: Telemetry = field(default_factory=Telemetry)
    stopping: threading.Event = field(default_factory=threading.Event)


def run(app: FakeApp, stop: StopFlag, drain_deadline: float = 10.0) -> int:
    return supervise(cast("Any", app), stop, drain_deadline, 0.0, time.monotonic)


def working() -> None:
    """A step that takes a moment."""
    threading.Event().wait(0.001)


def test_a_stop_drains_and_exits_with_0() -> None:
    app = FakeApp(Pipeline([Stage("poll", working)], time.monotonic), CountingUploads())
    stop = StopFlag()
    stop.asked = 1
    assert run(app, stop) == OK
    assert app.stopping.is_set()
    assert app.uploads.releases == [0]


def test_a_stage_that_fails_releases_everything_and_exits_with_1() -> None:
    def broken() -> None:
        raise RuntimeError("broken")

    app = FakeApp(
        Pipeline([Stage("poll", working), Stage("infer", broken)], time.monotonic), CountingUploads(held=3)
    )
    assert run(app, StopFlag()) == FAILED
    assert app.uploads.releases == [3]


@pytest.mark.parametrize(("signals", "deadline"), [(1, 0.3), (2, 60.0)], ids=["deadline", "second signal"])
def test_a_drain_that_is_not_finished_releases_the_rest_and_exits_with_3(
    signals: int, deadline: float
) -> None:
    stop = StopFlag()
    stop.asked = 1
    gate = Gate()
    app = FakeApp(Pipeline([Stage("poll", gate)], time.monotonic), CountingUploads(held=2))
    answer: list[int] = []
    supervisor = threading.Thread(target=lambda: answer.append(run(app, stop, deadline)))
    supervisor.start()
    assert gate.reached.wait(5)
    stop.asked = signals
    supervisor.join(20)
    gate.open.set()
    assert answer == [UNFINISHED]
    assert app.uploads.releases == [2]
    assert app.uploads.extended >= 1  # leases were kept meanwhile


def test_a_stop_before_the_start_is_noticed_at_the_next_checkpoint() -> None:
    stop = StopFlag()
    stop.checkpoint()
    stop.asked = 1
    with pytest.raises(StoppedError):
        stop.checkpoint()
