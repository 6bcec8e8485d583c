"""Ends processes that stand still when the benchmark is killed: no signal but SIGKILL would reach them.

    python -m bench.guardian

Reads process ids, some a line. When its input ends, because the benchmark has, it kills those that stand still.
"""

import atexit
import functools
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import IO

import psutil

from bench.processes import ROOT

PATIENCE = 5.0  # seconds that its end may take


def guard(processes: Iterable[psutil.Process]) -> None:
    """Say that these processes are about to stand still."""
    pipe = _guardian()
    print(*(process.pid for process in processes), file=pipe, flush=True)


@functools.cache
def _guardian() -> IO[str]:
    """Start it, once; our end of its pipe closes with this process, whatever ends it."""
    command = [sys.executable, "-m", "bench.guardian"]
    pipe = subprocess.PIPE
    child = subprocess.Popen(command, cwd=ROOT, stdin=pipe, text=True, start_new_session=True)
    if child.stdin is None:
        raise OSError("the guardian was started without a pipe")
    atexit.register(child.communicate, timeout=PATIENCE)  # closes the pipe; and the child is kept until then
    return child.stdin


def main() -> None:
    """Read until the input ends."""
    known = set[psutil.Process]()
    for line in sys.stdin:
        for pid in map(int, line.split()):
            with suppress(psutil.NoSuchProcess):
                known.add(psutil.Process(pid))
    for process in known:
        with suppress(psutil.NoSuchProcess):  # also when its id is another's by now
            if process.status() == psutil.STATUS_STOPPED:
                process.kill()


if __name__ == "__main__":
    main()
