"""The main thread: starts the pipeline, extends leases, acts on signals, decides the exit code."""

import math
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from worker.errors import GivenUpError, StalledError, WorkerError
from worker.intake.sources import Intake
from worker.pipeline.outages import Outages
from worker.pipeline.threads import Pipeline
from worker.settings.consistency import SETTLING
from worker.supervision.health import Phase, StateFile
from worker.supervision.protector import Protector
from worker.telemetry.counters import Telemetry

TICK = 0.25  # seconds between two checks of signals, leases and threads
CANCEL_TIMEOUT = 2.0  # seconds a cancelled thread gets to end
# Of the SETTLING seconds at a stop's end: the last ones for the release, of these the last for the exit.
RELEASING, EXITING = 2.5, 1.0
SHORTEST_RELEASE = 0.5  # seconds, also when the deadline has passed

OK, FAILED, UNFINISHED = 0, 1, 3  # exit codes; 2 is a configuration error


class StoppedError(Exception):
    """Raised when a stop is requested before the worker polls: there is nothing to drain."""


class StopFlag:
    """Counts stop signals: the first one asks for a drain, the second one for an immediate exit."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.requests = 0
        self.first_at = 0.0
        self._clock = clock

    def install(self) -> None:
        """Listen to SIGTERM (ECS) and SIGINT (a terminal)."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: self.request())

    def request(self) -> None:
        """Request a stop, as a signal does."""
        self.first_at = self.first_at or self._clock()
        self.requests += 1

    def checkpoint(self) -> None:
        """Raise StoppedError if a stop was requested. A long start calls this between its steps."""
        if self.requests:
            raise StoppedError


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits in seconds."""

    drain_deadline: float  # for a stop, from the first signal to the exit
    receive_wait: float  # for a long poll
    stall_after: float  # for one step of a thread
    give_up_after: float  # for an outage; 0: no limit


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker ready to start."""

    pipeline: Pipeline
    uploads: Intake
    outages: Outages
    stopping: threading.Event  # set by the main thread: start nothing new
    telemetry: Telemetry
    state: StateFile
    protector: Protector | None = None  # in an ECS task
    close: Callable[[], None] = lambda: None  # ends what only the stages needed
    start: Callable[[], Mapping[str, object]] = dict  # tells what the start took


@dataclass(eq=False)
class Supervisor:
    """Runs one worker until it is told to stop or something fails. Leaves no message hidden."""

    worker: Worker
    stop: StopFlag
    timeouts: Timeouts
    clock: Callable[[], float]

    def __post_init__(self) -> None:
        self._pipeline = self.worker.pipeline
        self._uploads = self.worker.uploads
        self._telemetry = self.worker.telemetry
        self._last_tick = self._awake_since = self.clock()

    def run(self) -> int:
        """Poll until a stop, then drain.

        Returns the exit code: 0 drained, 1 failed, 3 drain unfinished.

        The end waits for the current long poll, up to `receive_wait` seconds: the messages it brings
        would stay hidden otherwise, and it would take back what is released. A second signal does
        not wait; messages that arrive just then are redelivered after their visibility timeout.
        """
        self._pipeline.start()
        self._tick("polling")
        self._telemetry.event("polling", **self.worker.start())
        while self.stop.requests == 0 and self._pipeline.wait(TICK):
            self._tick("polling")
        if self._pipeline.error is None:
            self._drain()
        return self._finish()

    def _drain(self) -> None:
        """Stop polling and finish the photos in work, until the deadline is near, or a second signal."""
        self._telemetry.event("draining", in_flight=self._uploads.in_flight)
        self._uploads.close()  # first: what is returned once it stops must not come back by a receive
        self.worker.stopping.set()
        self._pipeline.close()
        end = self._deadline() - SETTLING
        while self.stop.requests < 2 and self._pipeline.error is None and self.clock() < end:
            if not self._pipeline.join(self.clock() + TICK):
                return
            self._tick("draining")

    def _tick(self, phase: Phase) -> None:
        awake = self._measure_awake()
        self._uploads.extend_due()
        in_flight = self._uploads.in_flight
        self._telemetry.observe("in_flight", in_flight)
        self._telemetry.flush()
        if phase == "polling" and self.worker.protector:  # ECS has already chosen a draining task
            self.worker.protector.tick(in_flight)
        ages = {thread: min(age, awake) for thread, age in self._pipeline.ages().items()}
        outages = {part: seconds for part, seconds, _ in self.worker.outages.list()}
        try:
            self.worker.state.write(phase, in_flight, ages, outages)
        except OSError as error:  # a full disk: keep scoring
            self._telemetry.warn("state_file_failed", reason=str(error))
        fatal = self._find_fatal_error(ages)
        if fatal is not None:
            self._pipeline.cancel(fatal)

    def _measure_awake(self) -> float:
        """Return the seconds since the process was last paused (SIGSTOP, a suspended machine).

        A thread's age does not count while the process is paused.
        """
        now = self.clock()
        if now - self._last_tick > self.timeouts.stall_after / 2:
            self._awake_since = now
        self._last_tick = now
        return now - self._awake_since

    def _find_fatal_error(self, ages: dict[str, float]) -> WorkerError | None:
        thread, age = max(ages.items(), key=lambda item: item[1], default=("", 0.0))
        if age > self.timeouts.stall_after:
            return StalledError(f"{thread} has not moved for {age:.0f} s")
        seconds, outage = self.worker.outages.longest()
        if 0 < self.timeouts.give_up_after <= seconds:
            return GivenUpError(f"{outage} (for {seconds:.0f} s)")
        return None

    def _finish(self) -> int:
        """Cancel the threads that still run; release their messages now and after their end."""
        self._uploads.close()
        self._pipeline.cancel()
        self.worker.stopping.set()
        self._wait_for_receives()
        released = self._release()
        stuck = self._pipeline.join(min(self.clock() + CANCEL_TIMEOUT, self._deadline() - EXITING))
        released += self._release()  # what a receive brought that was still under way
        self.worker.state.remove()
        code = self._exit_code(released, stuck)
        self._telemetry.flush(last=True)
        self.worker.close()  # after the verdict: a thread that still decodes fails by this
        return code

    def _deadline(self) -> float:
        """When a stop must be over, by the clock. Never, as long as nobody asks for one."""
        return self.stop.first_at + self.timeouts.drain_deadline if self.stop.requests else math.inf

    def _wait_for_receives(self) -> None:
        """Keep the leases until no receive can take back what is released: not for long, as one may hang."""
        end = self.clock() + self.timeouts.receive_wait + CANCEL_TIMEOUT
        while self.stop.requests < 2 and self.clock() < min(end, self._deadline() - RELEASING):
            if self._uploads.wait_for_receives(TICK):
                return
            self._uploads.extend_due()

    def _release(self) -> int:
        """Release what is held. A call that SQS does not answer is left behind when a stop must end."""
        held, released, survived = self._uploads.in_flight, list[int](), self._ends_in_order()
        thread = threading.Thread(
            target=lambda: released.append(self._uploads.release_all(survived)), name="release", daemon=True
        )
        thread.start()
        left = self._deadline() - EXITING - self.clock()
        thread.join(None if left == math.inf else max(SHORTEST_RELEASE, left))
        return released[0] if released else held

    def _ends_in_order(self) -> bool:
        """Whether no photo can be to blame for the end. A stage that failed or hangs may do so for one."""
        error = self._pipeline.error
        return self.stop.requests < 2 if error is None else isinstance(error, GivenUpError)

    def _exit_code(self, released: int, stuck: list[str]) -> int:
        error = self._pipeline.error
        if error is not None:
            self._telemetry.fail("stage_failed", error, released=released)
            return FAILED
        if released or stuck:
            self._telemetry.warn("drain_unfinished", released=released, stuck=stuck)
            return UNFINISHED
        self._telemetry.event("stopped", counts=self._telemetry.counts)
        return OK
