"""Who scores photos side by side: the worker and its rivals, each with processes, a queue and a bucket of its own."""

import os
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from bench.processes import BenchError, cpu_seconds, peak_memory_mb
from bench.rig import WORKERS, Rig

START, STOP = 180.0, 30.0  # seconds
COUNTS = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]


class Contestant:
    """A running one: what it is fed with, where its results are announced, and what it has used."""

    def __init__(
        self, rig: Rig, bucket: str, prefix: str, queue_url: str, *processes: subprocess.Popen[Any]
    ) -> None:
        self.bucket, self.prefix, self.processes = bucket, prefix, processes
        self._sqs, self._queue_url = rig.sqs, queue_url
        self.announce: Callable[[str], None] = _already_announced

    def freeze(self) -> None:
        """Let it stand still: the parent first, which would notice that a child stands."""
        for process in self._tree():
            process.suspend()

    def thaw(self) -> None:
        """Let it go on."""
        for process in reversed(self._tree()):
            process.resume()

    def cpu(self) -> float:
        """CPU seconds so far, of its children too."""
        return cpu_seconds(self._tree())

    def peak_memory_mb(self) -> float:
        """Most memory resident, summed over its processes: what they share is counted more than once."""
        return sum(peak_memory_mb(process.pid) for process in self._tree())

    def left(self) -> int:
        """How many messages its queue holds, hidden ones included."""
        answer = self._sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=COUNTS)
        return sum(int(count) for count in answer["Attributes"].values())

    def _tree(self) -> list[psutil.Process]:
        roots = [psutil.Process(process.pid) for process in self.processes]
        return [one for root in roots for one in (root, *root.children(recursive=True))]


def worker_of(rig: Rig, *others: subprocess.Popen[Any]) -> Contestant:
    """Give the rig's own worker as a contestant, with others that share its queue."""
    return Contestant(rig, WORKERS, "result", os.environ["WORKER_QUEUE_URL"], rig.worker, *others)


def wait_until_ready(name: str, process: subprocess.Popen[Any], log: Path, said: str) -> None:
    """Wait until its log says so. Raises BenchError when it ends or is not ready in time."""
    deadline = time.monotonic() + START
    while said not in log.read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            raise BenchError(f"{name} is not ready; it says\n{log.read_text()[-2000:]}")
        time.sleep(0.1)


def _already_announced(_key: str) -> None:
    """Do nothing: the bucket notifies the queue."""


def stop(process: subprocess.Popen[Any]) -> None:
    """Ask it to end; kill it and its children after STOP seconds."""
    if process.poll() is not None:
        return
    root = psutil.Process(process.pid)
    tree = [root, *root.children(recursive=True)]
    for one in reversed(tree):
        with suppress(psutil.NoSuchProcess):
            one.resume()  # who stands still does not hear
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP)
    for one in tree:
        with suppress(psutil.NoSuchProcess):
            one.kill()  # psutil checks that the number is still this process's
    process.wait()
