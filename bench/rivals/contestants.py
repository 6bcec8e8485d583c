"""A contestant: the worker or a rival, with its processes; a queue and a bucket, or a port."""

import os
from collections.abc import Callable

import psutil

from bench.guardian import guard
from bench.processes import cpu_seconds, memory_mb, peak_memory_mb
from bench.rig import WORKERS, BenchRig
from localstack.worker_process import ChildProcess


class Processes:
    """The processes of a contestant, children included."""

    def __init__(self, *processes: ChildProcess) -> None:
        self.processes = processes

    def freeze(self) -> None:
        """Suspend them, parents first: a parent would notice that a child stands still."""
        processes = self._tree()
        guard(processes)
        for process in processes:
            process.suspend()

    def thaw(self) -> None:
        """Let them go on."""
        for process in reversed(self._tree()):
            process.resume()

    def cpu(self) -> float:
        """CPU seconds so far."""
        return cpu_seconds(self._tree())

    def memory_mb(self) -> float:
        """Resident memory now, summed: what they share counts more than once."""
        return sum(memory_mb(process.pid) for process in self._tree())

    def peak_memory_mb(self) -> float:
        """Peak memory, summed in the same way."""
        return sum(peak_memory_mb(process.pid) for process in self._tree())

    def _tree(self) -> list[psutil.Process]:
        roots = [psutil.Process(process.pid) for process in self.processes]
        return [process for root in roots for process in (root, *root.children(recursive=True))]


class Contestant(Processes):
    """A running contestant. Photos go to `bucket`; results are published as `prefix:IMAGE_ID`."""

    def __init__(
        self, rig: BenchRig, bucket: str, prefix: str, queue_url: str, *processes: ChildProcess
    ) -> None:
        super().__init__(*processes)
        self.bucket, self.prefix = bucket, prefix
        self._rig, self._queue_url = rig, queue_url
        self.announce: Callable[[str], None] = lambda _: None  # the bucket notifies the queue

    def count_messages(self) -> int:
        """How many messages its queue holds, hidden ones included."""
        return self._rig.count_messages(self._queue_url)


def worker_of(rig: BenchRig, *others: ChildProcess) -> Contestant:
    """Make a contestant of the rig's worker, and of other workers that share its queue."""
    return Contestant(rig, WORKERS, "result", os.environ["WORKER_QUEUE_URL"], rig.worker, *others)
