"""What the benchmark has suspended ends with it, whatever ends it."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bench.processes import ROOT
from tests.support.waiting import eventually

HELPER = "import signal; print('started', flush=True); signal.pause()"
SERVER = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HELPER!r}])"
BENCH = f"""
import sys
from pathlib import Path
from bench.rivals.contestants import Processes
from localstack.worker_process import ChildProcess

server = ChildProcess(Path(sys.argv[1]), "-c", {SERVER!r})
server.wait_for_text("started")
Processes(server).freeze()
print(server.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_that_stands_still_ends_with_the_benchmark(tmp_path: Path, by: signal.Signals) -> None:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", BENCH, str(tmp_path / "server.log")]
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as bench:
        assert bench.stdout
        server = psutil.Process(int(bench.stdout.readline()))
        processes = [server, *server.children(recursive=True)]
        assert len(processes) == 2
        eventually(lambda: {process.status() for process in processes} == {psutil.STATUS_STOPPED})
        bench.send_signal(by)
    eventually(lambda: not any(map(is_alive, processes)), lambda: processes)


def is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)  # nobody may be left to wait for it
    except psutil.NoSuchProcess:
        return False
