"""The worker of `make run`, and another one after each that was asked to end, as ECS does it."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from localstack.services import ServicesError
from localstack.worker_process import STOP, WorkerProcess

POLLING = " polling"  # what the log of a worker says that is up
TRIES = 10  # workers that may fail to start, one after another, while something is broken
PAUSE = 1.0  # seconds between them
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
Tell = Callable[[str, str], None]


class Workers:
    """All but `end` and `is_up` belong to the main thread: a worker ends with the thread that started it."""

    def __init__(
        self,
        folder: Path,
        start: Callable[[Path], WorkerProcess],
        show: Callable[[WorkerProcess], None],
        tell: Tell,
    ) -> None:
        """`start` starts a worker with this file as its log, and `show` is given it.

        `tell` hears of each state, and of why.
        """
        self._folder = folder
        self._start_one = start
        self._show = show
        self._tell = tell
        self._lock = threading.Lock()
        self._worker: WorkerProcess | None = None
        self._number = 0
        self._is_asked = False  # to end
        self.is_up = False

    def start(self) -> None:
        """Start the first one and wait until it polls. Raises ServicesError if it ends before."""
        self._tell("starting", "The worker starts and loads its model.")
        self._start()

    def say_up(self) -> None:
        """Say that the worker is up. It may be asked to end from now on."""
        self.is_up = True
        self._tell("up", "The worker is up.")

    def end(self, number: signal.Signals) -> None:
        """Send the worker a signal that ends it. Another one is started then. From any thread."""
        with self._lock:
            if self._worker is None or not self.is_up:
                return
            self._is_asked, self.is_up = True, False
            if number == signal.SIGKILL:
                self._tell("away", "The worker was killed.")
            else:
                self._tell("stopping", "The worker finishes what it has begun, and stops.")
            self._worker.ask_to_stop(number)

    def watch(self) -> int:
        """Replace workers that were asked to end, until one ends by itself. Return its exit code.

        Raises ServicesError if none can be started any more.
        """
        while True:
            if self._worker is None:
                raise ServicesError("no worker was started")
            code = self._worker.wait(within=None)
            with self._lock:
                if not self._is_asked:
                    return code
            self._replace()

    def stop(self) -> None:
        """Stop the worker, for good. One that is not up yet has nothing to finish."""
        if self._worker:
            self._worker.stop(STOP if self.is_up or self._is_asked else 0.0)
        self.is_up = False

    def _replace(self) -> None:
        """Start another worker. It fails to start while a service is broken: then one more is tried."""
        for tries_left in reversed(range(TRIES)):
            self._tell("starting", "The worker has ended. Another one starts and loads its model.")
            try:
                self._start()
            except ServicesError:
                if not tries_left:
                    raise
                time.sleep(PAUSE)
            else:
                self.say_up()
                return

    def _start(self) -> None:
        self._number += 1
        name = f"worker-{self._number}" if self._number > 1 else "worker"
        with _interrupts_later(), self._lock:
            self._is_asked = False
            self._worker = self._start_one(self._folder / f"{name}.log")
            self._show(self._worker)
        self._worker.wait_for_text(POLLING)


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Hold interrupts back: one between the start of a process and its being known would leave it behind."""
    held = list[tuple[int, FrameType | None]]()
    before = {number: signal.signal(number, lambda *what: held.append(what)) for number in INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for what, frame in held[:1]:
        again = before[signal.Signals(what)]
        if callable(again):
            again(what, frame)
