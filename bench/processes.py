"""Child processes of the benchmark that answer questions, and what processes have used."""

import json
import re
import selectors
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psutil

from localstack.services import die_with_parent

ROOT = Path(__file__).parents[1]
PEERS = ROOT / ".bench-peers"  # what `make bench` downloads
ENDING = 10.0  # seconds
READY = "ready to score"  # what a rival of the worker prints when it is ready


class BenchError(Exception):
    """The measurement failed; the text is for the terminal."""


class LostError(BenchError):
    """Fewer results came out than photos went in."""


def ask_module(module: str, *arguments: str, within: float) -> Any:
    """Run a module; return the JSON that it prints last. Raises BenchError, also when it is late."""
    command = die_with_parent([sys.executable, "-m", module, *arguments])
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=within)
    except subprocess.TimeoutExpired:
        raise LostError(f"{module} did not end within {within:.0f} s") from None
    if done.returncode:
        raise BenchError(f"{module} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


class Conversation:
    """A child that answers each line of JSON with another; its stderr goes to a log."""

    def __init__(self, log: Path, module: str, *arguments: str) -> None:
        self._log, self._module = log, module
        self._command = die_with_parent([sys.executable, "-m", module, *arguments])

    def __enter__(self) -> Self:
        """Start it."""
        self._stderr = self._log.open("w")
        pipe = subprocess.PIPE
        self._child = subprocess.Popen(
            self._command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=self._stderr, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        """Close its input, which ends it; kill it after ENDING seconds."""
        with suppress(OSError, subprocess.TimeoutExpired):
            self._child.communicate(timeout=ENDING)
        self._child.kill()
        self._child.wait()
        self._stderr.close()

    def ask(self, request: object, within: float) -> Any:
        """Send a request and return the answer. Raises BenchError when none comes in time."""
        if self._child.stdin is None or self._child.stdout is None:
            raise BenchError(f"{self._module} was started without pipes")
        with suppress(BrokenPipeError), selectors.DefaultSelector() as selector:
            self._child.stdin.write(json.dumps(request) + "\n")
            self._child.stdin.flush()
            selector.register(self._child.stdout, selectors.EVENT_READ)
            if selector.select(within) and (line := self._child.stdout.readline()):
                return json.loads(line)
        raise BenchError(
            f"{self._module} did not answer {request}; its log ends with\n{self._log.read_text()[-2000:]}"
        )


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """User and system time of these processes so far."""
    times = [process.cpu_times() for process in processes]
    return float(sum(t.user + t.system for t in times))


def tree_cpu_seconds(pid: int) -> float:
    """User and system time so far of a process and its descendants, those that have ended included."""
    root = psutil.Process(pid)
    times = [process.cpu_times() for process in (root, *root.children(recursive=True))]
    return float(sum(t.user + t.system + t.children_user + t.children_system for t in times))


def worker_cpu_seconds() -> float:
    """User and system time of this process and its decoder processes so far."""
    return time.process_time() + _decoder_cpu_seconds()


def _decoder_cpu_seconds() -> float:
    return cpu_seconds(psutil.Process().children(recursive=True))


def cpu_by_thread() -> Counter[str]:
    """CPU seconds so far of this process's threads by name, without the number at its end, and of its decoders."""
    names = {thread.native_id: re.sub(r"-\d+$", "", thread.name) for thread in threading.enumerate()}
    seconds = Counter[str]()
    for thread in psutil.Process().threads():
        seconds[names.get(thread.id, "other")] += thread.user_time + thread.system_time
    decoders: Any = _decoder_cpu_seconds()  # Counter's type allows no fractions
    seconds["decoder"] = decoders
    return seconds


def busy_seconds() -> float:
    """Seconds that all cores together were busy since the machine's start, other guests included."""
    t = psutil.cpu_times()
    return float(t.user + t.nice + t.system + t.irq + t.softirq + t.steal)


def peak_memory_mb(pid: int | str = "self") -> float:
    """Peak resident memory of a process."""
    return _status_mb(pid, "VmHWM")


def memory_mb(pid: int | str = "self") -> float:
    """Resident memory of a process now."""
    return _status_mb(pid, "VmRSS")


def _status_mb(pid: int | str, name: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split(f"{name}:")[1].split()[0]) / 1024
