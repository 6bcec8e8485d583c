"""Children of the benchmark: how they are run, and what they have used."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil

from localstack.services import die_with_parent

ROOT = Path(__file__).parents[2]


class BenchError(Exception):
    """Raised when there is nothing to report; its text is for the person at the terminal."""


class LostError(BenchError):
    """Raised when fewer results came out than photos went in."""


def answer_of(module: str, *arguments: str, within: float) -> Any:
    """Run a module in a fresh interpreter; the JSON it prints last. Raises BenchError, also after `within` seconds."""
    command = die_with_parent([sys.executable, "-m", module, *arguments])
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=within)
    except subprocess.TimeoutExpired:
        raise LostError(f"{module} was not done within {within:.0f} s") from None
    if done.returncode:
        raise BenchError(f"{module} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """User and system time of these processes so far."""
    times = [process.cpu_times() for process in processes]
    return float(sum(t.user + t.system for t in times))


def busy_seconds() -> float:
    """Seconds that all cores together were not idle since the machine's start, those taken by other guests included."""
    t = psutil.cpu_times()
    return float(t.user + t.nice + t.system + t.irq + t.softirq + t.steal)


def peak_memory_mb(pid: int | str = "self") -> float:
    """Most memory that a process has had resident."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
