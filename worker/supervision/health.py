"""The state file: written by the main thread, read by `health`, which is ECS's health check.

Its times are those of the machine's monotonic clock, which all processes share, so that a jump of
the wall clock never makes a healthy worker look dead.
"""

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, Self

START_TIMEOUT = 600.0  # seconds to load and warm up a model
WRITE_INTERVAL = 1.0  # seconds

Phase = Literal["starting", "polling", "draining"]
Word = Literal["starting", "idle", "busy", "draining", "wedged", "gone"]


@dataclass(frozen=True, slots=True)
class State:
    """What the main thread knew at the monotonic second `at`.

    `ages`: seconds since each thread last moved. `outages`: seconds since each part began to fail, by its name.
    """

    pid: int
    phase: Phase
    at: float
    in_flight: int
    ages: Mapping[str, float]
    stall_after: float
    outages: Mapping[str, float] = field(default_factory=dict)  # a version before this one wrote none

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read the file; None if it is missing or not a state file."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def judge(self, now: float, is_alive: Callable[[int], bool]) -> tuple[Word, str]:
        """Return the worker's state in one word, and an explanation."""
        if not is_alive(self.pid):
            return "gone", f"process {self.pid} has ended"
        silence = now - self.at
        limit = START_TIMEOUT if self.phase == "starting" else self.stall_after
        if silence > limit:
            return "wedged", f"the main thread has not moved for {silence:.0f} s"
        slowest, age = max(self.ages.items(), key=lambda item: item[1], default=("nothing", 0.0))
        if age > limit:
            return "wedged", f"{slowest} has not moved for {age + silence:.0f} s"
        word = self.phase if self.phase != "polling" else "busy" if self.in_flight else "idle"
        failing = "".join(f"; {name} has failed for {age:.0f} s" for name, age in self.outages.items())
        return word, f"{self.in_flight} in flight; slowest: {slowest}, {age:.1f} s{failing}"


class StateFile:
    """Writes the file, at most once a second unless the phase changes."""

    def __init__(self, path: Path, clock: Callable[[], float], stall_after: float) -> None:
        self._path = path
        self._clock = clock
        self._stall_after = stall_after
        self._written_at = float("-inf")
        self._phase: Phase | None = None

    def write(
        self,
        phase: Phase,
        in_flight: int = 0,
        ages: Mapping[str, float] | None = None,
        outages: Mapping[str, float] | None = None,
    ) -> None:
        """Write the state if it is due. Raises OSError when the folder is not writable."""
        now = self._clock()
        if phase == self._phase and now - self._written_at < WRITE_INTERVAL:
            return
        self._written_at, self._phase = now, phase
        state = State(
            os.getpid(), phase, now, in_flight, dict(ages or {}), self._stall_after, dict(outages or {})
        )
        # In a folder of its own, so that a write that fails leaves nothing behind on a full disk.
        with tempfile.TemporaryDirectory(prefix=".state-", dir=self._path.parent) as folder:
            written = Path(folder) / self._path.name
            written.write_text(json.dumps(asdict(state)))
            written.replace(self._path)  # atomically

    def remove(self) -> None:
        """Remove the file.

        A file that stays does no harm: its process is gone, which the check finds out.
        """
        with suppress(OSError):
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
