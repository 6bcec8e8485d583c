"""Does one thing in a thread beside others, and gives its result or raises its error."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
SLICE = 0.1  # seconds between two checkpoints


class Beside(Generic[T]):
    """Begins at once. Whoever does not ask for the result leaves the thread behind: the exit does not wait for it."""

    def __init__(self, work: Callable[[], T], name: str) -> None:
        self._work = work
        self._results: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise its error, if it has failed by now."""
        if self._error is not None:
            raise self._error

    def result(self, checkpoint: Callable[[], None] = lambda: None) -> T:
        """Wait for its end; `checkpoint` is called meanwhile. Raises its error."""
        while self._thread.is_alive():
            self._thread.join(SLICE)
            checkpoint()
        self.check()
        return self._results[0]

    def _run(self) -> None:
        try:
            self._results.append(self._work())
        except BaseException as error:  # noqa: BLE001 - `check` raises it where somebody waits
            self._error = error
