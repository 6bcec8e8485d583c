"""The main thread: starts the pipeline, keeps leases and the state file, acts on signals, decides the exit code."""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from worker.errors import GivenUpError, StalledError, WorkerError
from worker.intake.s3_uploads import S3Uploads
from worker.pipeline.outages import Outages
from worker.pipeline.threads import Pipeline
from worker.supervision.health import Phase, StateFile
from worker.supervision.protector import Protector
from worker.telemetry.counters import Telemetry

TICK = 0.25  # seconds between two looks at flags and leases
NOTICE = 2.0  # seconds a cancelled thread has to notice

OK, FAILED, CONFIGURATION, UNFINISHED = 0, 1, 2, 3  # exit codes


class StoppedError(Exception):
    """Raised when a stop was asked for before the worker polls: there is nothing to drain."""


class StopFlag:
    """What a signal handler may do: count. One asks for a drain, a second one for leaving at once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.asked = 0
        self.since = 0.0  # when the first one came
        self._clock = clock

    def install(self) -> None:
        """Listen to SIGTERM (ECS) and SIGINT (a terminal)."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: self.ask())

    def ask(self) -> None:
        """Ask for a stop, as a signal does."""
        self.since = self.since or self._clock()
        self.asked += 1

    def checkpoint(self) -> None:
        """Raise StoppedError if a stop was asked for; called between the steps of a long start."""
        if self.asked:
            raise StoppedError


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the main thread waits for what, in seconds."""

    drain_deadline: float  # from the stop's signal on
    receive_wait: float  # longest long poll
    stall_after: float  # longest step
    give_up_after: float  # longest outage; 0: any


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker ready to start."""

    pipeline: Pipeline
    uploads: S3Uploads
    outages: Outages
    stopping: threading.Event  # set by the main thread: begin nothing new
    telemetry: Telemetry
    state: StateFile
    protector: Protector | None = None  # in an ECS task


class Supervisor:
    """Runs one worker until it is told to stop or something fails; nothing that was received is left hidden."""

    def __init__(
        self, worker: Worker, stop: StopFlag, patience: Patience, clock: Callable[[], float]
    ) -> None:
        self._worker = worker
        self._pipeline = worker.pipeline
        self._stop = stop
        self._patience = patience
        self._clock = clock
        self._ticked = self._awake_since = clock()

    def run(self) -> int:
        """Poll until a stop, then drain. The exit code: 0 drained, 1 failed, 3 the drain was not finished in time.

        A long poll under way, up to `receive_wait` seconds, is let end, since what it brings would stay hidden; only a
        second signal does not wait for it: what arrives just then comes again when its visibility timeout has run out.
        """
        self._pipeline.start()
        self._tick("polling")
        self._worker.telemetry.event("polling")
        while self._stop.asked == 0 and self._pipeline.wait(TICK):
            self._tick("polling")
        if self._pipeline.error is None:
            self._drain()
        return self._finish()

    def _drain(self) -> None:
        """Stop polling and work off what was begun, until the deadline or a second signal."""
        self._worker.telemetry.event("draining", in_flight=self._worker.uploads.in_flight)
        deadline = self._stop.since + self._patience.drain_deadline
        self._worker.stopping.set()
        self._pipeline.close()
        while self._stop.asked < 2 and self._pipeline.error is None and self._clock() < deadline:
            if not self._pipeline.join(self._clock() + TICK):
                return
            self._tick("draining")

    def _tick(self, phase: Phase) -> None:
        awake = self._awake()
        self._worker.uploads.extend_due()
        self._worker.telemetry.observe("in_flight", self._worker.uploads.in_flight)
        self._worker.telemetry.flush()
        if phase == "polling" and self._worker.protector:  # a task that drains was chosen already
            self._worker.protector.tick(self._worker.uploads.in_flight)
        ages = {thread: min(age, awake) for thread, age in self._pipeline.ages().items()}
        try:
            self._worker.state.write(phase, self._worker.uploads.in_flight, ages)
        except OSError as error:  # a full disk is no reason to stop scoring
            self._worker.telemetry.warn("state_file_failed", reason=str(error))
        hopeless = self._hopeless(ages)
        if hopeless is not None:
            self._pipeline.cancel(hopeless)

    def _awake(self) -> float:
        """Seconds since the process as a whole last stood still (SIGSTOP, a paused machine): no thread hung then."""
        now = self._clock()
        if now - self._ticked > self._patience.stall_after / 2:
            self._awake_since = now
        self._ticked = now
        return now - self._awake_since

    def _hopeless(self, ages: dict[str, float]) -> WorkerError | None:
        thread, age = max(ages.items(), key=lambda item: item[1], default=("", 0.0))
        if age > self._patience.stall_after:
            return StalledError(f"{thread} has not moved for {age:.0f} s")
        lasting, what = self._worker.outages.longest()
        if 0 < self._patience.give_up_after <= lasting:
            return GivenUpError(f"{what} (for {lasting:.0f} s)")
        return None

    def _finish(self) -> int:
        """Cancel whatever still runs (after a drain nothing does) and release what it held, first what is known now."""
        self._pipeline.cancel()
        self._worker.stopping.set()
        released = self._worker.uploads.release_all()
        grace = NOTICE if self._stop.asked > 1 else NOTICE + self._patience.receive_wait
        stuck = self._pipeline.join(self._clock() + grace)
        released += self._worker.uploads.release_all()  # what the long poll has brought meanwhile
        self._worker.state.remove()
        code = self._exit_code(released, stuck)
        self._worker.telemetry.flush(last=True)
        return code

    def _exit_code(self, released: int, stuck: list[str]) -> int:
        error = self._pipeline.error
        if error is not None:
            self._worker.telemetry.fail("stage_failed", error, released=released)
            return FAILED
        if released or stuck:
            self._worker.telemetry.warn("drain_unfinished", released=released, stuck=stuck)
            return UNFINISHED
        self._worker.telemetry.event("stopped", counts=self._worker.telemetry.counts)
        return OK
