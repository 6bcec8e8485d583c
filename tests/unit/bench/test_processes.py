"""What the benchmark reads of processes."""

import subprocess
import sys

from bench.processes import tree_cpu_seconds

BUSY = "import time\nwhile time.process_time() < 0.3: pass"
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {BUSY!r}])
print("ended", flush=True)
sys.stdin.read()
"""


def test_the_cpu_time_of_children_that_have_ended_counts() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == "ended\n"
        assert tree_cpu_seconds(parent.pid) >= 0.3
        parent.communicate()
