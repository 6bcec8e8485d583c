"""The decoder processes, handed out one photo at a time; any may be asked for alone."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from worker.decoders.process import SLICE, DecoderEndedError, DecoderProcess
from worker.errors import DecoderStartError

START_TRIES = 3  # a process may be killed from outside while it starts
START_TIMEOUT = 30.0  # seconds for a process to be ready; the first one waits for the zygote's imports


class Crew:
    """Thread-safe. `start_one` starts a process. One that has ended is replaced when its turn comes."""

    def __init__(self, start_one: Callable[[], DecoderProcess], size: int) -> None:
        self._start_one = start_one
        self._size = size
        self._free: list[DecoderProcess | None] = [None] * size  # None: to be started
        self._returned = threading.Condition()
        self._alone = 0  # photos that wait until all are free

    def start(self, checkpoint: Callable[[], None]) -> None:
        """Start all processes side by side, and wait for them. Raises DecoderStartError."""
        started = [self._start_one() for _ in range(self._size)]
        for place, process in enumerate(started):
            self._free[place] = self._check(process, checkpoint)

    def one(self, alive: Callable[[], None]) -> AbstractContextManager[DecoderProcess]:
        """Wait for a free process. Calls `alive` each second. Raises DecoderStartError."""
        return self._place(lambda: bool(self._free) and not self._alone, alive)

    @contextmanager
    def one_alone(self, alive: Callable[[], None]) -> Iterator[DecoderProcess]:
        """The same, but no other process works meanwhile."""
        with self._returned:
            self._alone += 1
        try:
            with self._place(lambda: len(self._free) == self._size, alive) as process:
                yield process
        finally:
            with self._returned:
                self._alone -= 1
                self._returned.notify_all()

    def close(self) -> None:
        """End the processes that are free."""
        with self._returned:
            for process in filter(None, self._free):
                process.close()
            self._free = [None] * len(self._free)

    @contextmanager
    def _place(self, may_take: Callable[[], bool], alive: Callable[[], None]) -> Iterator[DecoderProcess]:
        with self._returned:
            while not self._returned.wait_for(may_take, SLICE):
                alive()
            process = self._free.pop()  # the last one returned: its memory is warm
        try:
            found, process = process, None
            process = self._check(found, alive)
            yield process
        except DecoderEndedError:
            if process is not None:
                process.close()
            process = None
            raise
        finally:
            with self._returned:
                # One that must be started first is taken last.
                self._free.insert(len(self._free) if process else 0, process)
                if self._alone:  # only one of those that wait can be woken by it, and which is not known
                    self._returned.notify_all()
                else:
                    self._returned.notify()

    def _check(self, process: DecoderProcess | None, alive: Callable[[], None]) -> DecoderProcess:
        """Replace a process that has ended, and wait until it is ready."""
        if process is not None and process.wait_until_ready(START_TIMEOUT, alive) and process.is_running():
            return process
        if process is not None:
            process.close()
        for _ in range(START_TRIES):
            started = self._start_one()
            if started.wait_until_ready(START_TIMEOUT, alive):
                return started
            started.close()
        raise DecoderStartError(f"no decoder process was ready within {START_TIMEOUT:g} s")
