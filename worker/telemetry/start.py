"""Measures what a start takes, from the beginning of the process, part by part."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


def process_seconds() -> float:
    """How long ago this process was started, by the kernel's clock."""
    # The 22nd field, counted behind the name, which may have spaces; see proc_pid_stat(5).
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


@dataclass(eq=False)
class Start:
    """Seconds by part. Parts that run beside one another overlap."""

    parts: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Measure a part; one that comes again is added up."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.parts[name] = self.parts.get(name, 0.0) + time.monotonic() - begun

    def report(self) -> Mapping[str, object]:
        """Give the figures for the log."""
        rounded = {name: round(seconds, 2) for name, seconds in self.parts.items()}
        return {"seconds": round(process_seconds(), 2), "parts": rounded}
