"""What a process says last comes out, in order; a reader that stands still keeps no process from ending."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOON = 30  # seconds a process here may take
LINES = 3_000

# A worker's log, and an end that nobody has foreseen.
CRASH = f"""
import os, sys
from worker.telemetry.counters import Telemetry
from worker.telemetry.log import set_up_logs
from worker.telemetry.standard_streams import guard_stderr

stderr = guard_stderr()
set_up_logs("json", "info", sys.stderr)
for number in range({LINES}):
    Telemetry().event("counted", number=number)
{{end}}
"""
RAISE = 'raise RuntimeError("last words")'
LEAVE = (
    'Telemetry().event("last words"); stderr.drain(); os._exit(1)'  # as commands/run.py, if a thread hangs
)


def numbers(lines: list[str]) -> list[str]:
    return [line.rpartition(":")[2].rstrip("}") for line in lines]


@pytest.mark.parametrize("end", [RAISE, LEAVE], ids=["raise", "leave"])
def test_a_crash_loses_no_line_before_it(end: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CRASH.format(end=end)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=SOON,
    )
    lines = done.stderr.splitlines()
    assert done.returncode == 1
    assert numbers(lines[:LINES]) == [str(number) for number in range(LINES)]
    assert "last words" in lines[-1]


@pytest.mark.parametrize("end", [RAISE, LEAVE], ids=["raise", "leave"])
def test_a_crash_before_a_pipe_that_nobody_reads_ends_and_leaves_whole_lines_in_order(end: str) -> None:
    reader, writer = os.pipe()
    size = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 65_536)
    with subprocess.Popen([sys.executable, "-c", CRASH.format(end=end)], cwd=ROOT, stderr=writer) as process:
        os.close(writer)
        assert process.wait(SOON) == 1
    with os.fdopen(reader, encoding="utf-8") as pipe:
        left = pipe.read()
    found = numbers(left.splitlines())
    assert found == [str(number) for number in range(len(found))]
    assert size / 2 < len(left) <= size  # a pipe does not use all of each page
    assert left.endswith("}\n")
