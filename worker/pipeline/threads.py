"""Threads that repeat steps, joined by bounded queues. Knows nothing of the job.

A stage ends when its input is closed and empty, and then closes its output. So closing the sources
drains the others in order. The first stage that raises cancels the rest: every queue is closed at
once, its items are dropped (their owner still knows them), and `error` keeps that first error.
Nothing is started again.

A thread's heartbeat is the start of each step, each second of waiting at a queue, and whenever a
step calls its queue's `alive`. An age in `ages` that keeps growing means that the thread hangs
inside a step.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from worker.pipeline.queues import BoundedQueue, ShutDown

Step = Callable[[], None]  # one iteration; a ShutDown from a queue ends its thread
Clock = Callable[[], float]  # monotonic seconds


@dataclass(frozen=True, slots=True)
class Helpers:
    """Threads that work ahead for a stage, one step each, and the queue between them and the stage."""

    steps: Sequence[Step]
    output: BoundedQueue[Any]


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage thread: the step it repeats, and the queue it closes when it ends.

    `more`: steps of further threads that share its work, such as one per further device.
    """

    name: str
    step: Step
    output: BoundedQueue[Any] | None = None
    helpers: Helpers | None = None
    more: Sequence[Step] = ()
    is_source: bool = False  # has no input, and ends when the pipeline is closed


class _Crew:
    """Threads that share an output. The last one to end closes it."""

    def __init__(self, output: BoundedQueue[Any] | None, threads: int) -> None:
        self.output = output
        self._left = threads
        self._lock = threading.Lock()

    def end_one(self) -> None:
        with self._lock:
            self._left -= 1
            last = self._left == 0
        if last and self.output is not None:
            self.output.shutdown()


class Pipeline:
    """`start` once, then `close` (drain) or `cancel`, then `join`. Calling one again does no harm."""

    def __init__(
        self, stages: Sequence[Stage], clock: Clock, beside: Mapping[str, Step] | None = None
    ) -> None:
        """`beside`: further steps by thread name. No item depends on them, and `join` does not wait for them."""
        self._clock = clock
        self._closing = threading.Event()
        self._ended = threading.Condition()
        self._ended_threads = 0
        self._error: BaseException | None = None
        self._beats: dict[threading.Thread, float] = {}
        self._outputs: list[BoundedQueue[Any]] = []
        self._threads = [thread for stage in stages for thread in self._build(stage)]
        self._beside = [
            self._thread(name, step, _Crew(None, 1), is_source=True) for name, step in (beside or {}).items()
        ]

    def start(self) -> None:
        """Start the last stage first, so that every queue has a taker when items arrive."""
        for thread in [*reversed(self._threads), *self._beside]:
            thread.start()

    def close(self) -> None:
        """End all sources after one more step. Items already in the queues are finished."""
        self._closing.set()

    def cancel(self, error: BaseException | None = None) -> None:
        """Close every queue at once. A running step ends when it touches one. The first error stays."""
        with self._ended:
            self._error = self._error or error
        self._closing.set()
        for output in self._outputs:
            output.shutdown(immediate=True)

    def join(self, deadline: float) -> list[str]:
        """Wait for all threads until the clock reads `deadline`. Returns the names of those still running."""
        for thread in self._threads:
            thread.join(max(0.0, deadline - self._clock()))
        return [thread.name for thread in self._threads if thread.is_alive()]

    def wait(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for a thread to end. True while all still run."""
        with self._ended:
            return not self._ended.wait_for(lambda: self._ended_threads > 0, timeout)

    def ages(self) -> dict[str, float]:
        """Seconds since the last heartbeat, by running thread."""
        now = self._clock()
        return {t.name: now - self._beats.get(t, now) for t in self._threads if t.is_alive()}

    @property
    def lingers(self) -> bool:
        """Whether any thread still runs, including those `join` does not wait for."""
        return any(thread.is_alive() for thread in [*self._threads, *self._beside])

    @property
    def error(self) -> BaseException | None:
        """The first error of any stage, or the one given to `cancel`."""
        return self._error

    def _build(self, stage: Stage) -> Iterator[threading.Thread]:
        if stage.helpers is not None:
            helpers = stage.helpers
            crew = self._crew(helpers.output, len(helpers.steps))
            for number, step in enumerate(helpers.steps, 1):
                yield self._thread(f"{stage.name}-helper-{number}", step, crew, is_source=False)
        crew = self._crew(stage.output, 1 + len(stage.more))
        yield self._thread(stage.name, stage.step, crew, is_source=stage.is_source)
        for number, step in enumerate(stage.more, 2):
            yield self._thread(f"{stage.name}-{number}", step, crew, is_source=stage.is_source)

    def _crew(self, output: BoundedQueue[Any] | None, threads: int) -> _Crew:
        if output is not None:
            output.alive = self._beat
            self._outputs.append(output)
        return _Crew(output, threads)

    def _thread(self, name: str, step: Step, crew: _Crew, *, is_source: bool) -> threading.Thread:
        # Daemons: a thread stuck in a call must not keep the process alive.
        return threading.Thread(target=self._repeat, args=(step, crew, is_source), name=name, daemon=True)

    def _beat(self) -> None:
        self._beats[threading.current_thread()] = self._clock()

    def _repeat(self, step: Step, crew: _Crew, is_source: bool) -> None:
        try:
            is_last = False
            while not is_last:
                is_last = is_source and self._closing.is_set()  # one more: the step may have kept something
                self._beat()
                step()
        except ShutDown:
            pass  # the input is closed and empty, or everything was cancelled
        except BaseException as error:  # noqa: BLE001 - it cancels the rest, and `error` reports it
            self.cancel(error)
        finally:
            crew.end_one()
            with self._ended:
                self._ended_threads += 1
                self._ended.notify_all()
