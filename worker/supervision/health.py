"""How the worker is: a small file that the main thread writes and `python -m worker health`, ECS's check, reads.

Times in it are of the machine's monotonic clock, which all processes on it share: no jump of the wall clock makes a
healthy worker look dead.
"""

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self

STARTING_MOST = 600.0  # seconds that loading and warming up a model may take
EVERY = 1.0  # seconds between two writes

Phase = Literal["starting", "polling", "draining"]
Word = Literal["starting", "idle", "busy", "draining", "wedged", "gone"]


@dataclass(frozen=True, slots=True)
class State:
    """What the main thread knew at the monotonic second `at`; `ages` are each thread's seconds since it moved."""

    pid: int
    phase: Phase
    at: float
    in_flight: int
    ages: Mapping[str, float]
    stall_after: float

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read the file; None when there is none, or not one of ours."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def judge(self, now: float, is_alive: Callable[[int], bool]) -> tuple[Word, str]:
        """Tell how the worker is, and why."""
        if not is_alive(self.pid):
            return "gone", f"process {self.pid} has ended"
        since = now - self.at
        patience = STARTING_MOST if self.phase == "starting" else self.stall_after
        if since > patience:
            return "wedged", f"the main thread has not moved for {since:.0f} s"
        slowest, age = max(self.ages.items(), key=lambda item: item[1], default=("nothing", 0.0))
        if age > patience:
            return "wedged", f"{slowest} has not moved for {age + since:.0f} s"
        word = self.phase if self.phase != "polling" else "busy" if self.in_flight else "idle"
        return word, f"{self.in_flight} in flight; slowest: {slowest}, {age:.1f} s"


class StateFile:
    """Writes the file, at most once a second unless the phase changes; removes it at the end."""

    def __init__(self, path: Path, clock: Callable[[], float], stall_after: float) -> None:
        self._path = path
        self._clock = clock
        self._stall_after = stall_after
        self._written = float("-inf")
        self._phase: Phase | None = None

    def write(self, phase: Phase, in_flight: int = 0, ages: Mapping[str, float] | None = None) -> None:
        """Say how the worker is. Raises OSError when the folder cannot be written."""
        now = self._clock()
        if phase == self._phase and now - self._written < EVERY:
            return
        self._written, self._phase = now, phase
        state = State(os.getpid(), phase, now, in_flight, dict(ages or {}), self._stall_after)
        with tempfile.NamedTemporaryFile("w", dir=self._path.parent, prefix=".state-", delete=False) as file:
            json.dump(asdict(state), file)
        Path(file.name).replace(self._path)  # whole or not at all

    def remove(self) -> None:
        """The worker has ended."""
        with suppress(OSError):  # it says so itself: the process it names is gone
            self._path.unlink()


def is_alive(pid: int) -> bool:
    """Whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
