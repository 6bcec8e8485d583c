"""The main thread: starts the pipeline, keeps leases, acts on signals, decides the exit code."""

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # importing it for real takes TensorFlow's seconds
    from worker.app import App

TICK = 0.25  # seconds between two looks at flags and leases
NOTICE = 2.0  # seconds a cancelled thread has to notice

OK, FAILED, CONFIGURATION, UNFINISHED = 0, 1, 2, 3  # exit codes


class StoppedError(Exception):
    """Raised when a stop was asked for before the worker polls: there is nothing to drain."""


class StopFlag:
    """What a signal handler may do: count. One asks for a drain, a second one for leaving at once."""

    def __init__(self) -> None:
        self.asked = 0

    def install(self) -> None:
        """Listen to SIGTERM (ECS) and SIGINT (a terminal)."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def checkpoint(self) -> None:
        """Raise StoppedError if a stop was asked for; called between the steps of a long start."""
        if self.asked:
            raise StoppedError

    def _on_signal(self, _number: int, _frame: object) -> None:
        self.asked += 1


def supervise(
    app: "App", stop: StopFlag, drain_deadline: float, receive_wait: float, clock: Callable[[], float]
) -> int:
    """Run until told to stop or a stage fails; nothing that was received is left hidden. The exit code.

    A long poll under way, up to `receive_wait` seconds, is let end, since what it brings would stay hidden; only a
    second signal does not wait for it: then those messages come again when their visibility timeout has run out.
    0: drained; 1: a stage failed; 3: the drain was not finished in time, or a second signal cut it short.
    """
    app.telemetry.event("polling")
    app.pipeline.start()
    while stop.asked == 0 and app.pipeline.wait(TICK):
        app.uploads.extend_due()
    if app.pipeline.error is None:
        _drain(app, stop, clock() + drain_deadline, clock)
    grace = NOTICE if stop.asked > 1 else NOTICE + receive_wait
    return _finish(app, clock() + grace, clock)


def _drain(app: "App", stop: StopFlag, deadline: float, clock: Callable[[], float]) -> None:
    """Stop polling and work off what was received, until the deadline or a second signal."""
    app.telemetry.event("draining")
    app.stopping.set()
    app.pipeline.close()
    while stop.asked < 2 and clock() < deadline and app.pipeline.join(clock() + TICK):
        app.uploads.extend_due()


def _finish(app: "App", deadline: float, clock: Callable[[], float]) -> int:
    app.pipeline.cancel()  # whatever still runs; after a drain nothing does
    app.stopping.set()
    stuck = app.pipeline.join(max(deadline, clock()))
    released = app.uploads.release_all()
    error = app.pipeline.error
    if error is not None:
        app.telemetry.fail("stage_failed", error, released=released)
        return FAILED
    if released or stuck:
        app.telemetry.warn("drain_unfinished", released=released, stuck=stuck)
        return UNFINISHED
    app.telemetry.event("stopped", counts=app.telemetry.counts)
    return OK
