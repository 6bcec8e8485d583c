"""Who scores photos side by side: the worker and its rivals, each with processes, a queue and a bucket of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from localstack.services import die_with_parent
from tests.bench import celery_worker
from tests.bench.processes import ROOT, BenchError, cpu_seconds, peak_memory_mb
from tests.bench.rig import WORKERS, Rig

READY = "ready to score"
START, STOP = 180.0, 30.0  # seconds
COUNTS = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]


@dataclass(frozen=True, slots=True)
class Rival:
    """One that stands beside the worker. `share`: its part of the worker's photos; slow ones get fewer."""

    name: str
    label: str
    module: str
    arguments: tuple[str, ...] = ()
    share: float = 1.0
    sends_tasks: bool = False  # Celery's messages have an envelope of their own, which no bucket sends


RIVALS = (
    Rival("plain", "plain loop", "plain_loop", ("predict",), share=0.06),
    Rival("frozen", "plain loop, decoding and model of the worker", "plain_loop", ("frozen",), share=0.25),
    Rival("celery", "Celery, a process per core", "celery_worker", share=0.4, sends_tasks=True),
    Rival("server", "batch server (Mosec)", "batch_consumer", share=0.4),
)


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


@contextmanager
def started(rig: Rig, folder: Path, rivals: tuple[Rival, ...] = RIVALS) -> Iterator[dict[str, Contestant]]:
    """Start these rivals, wait until they are ready, stop them in the end. Raises BenchError."""
    with ExitStack() as stack:
        logs = {rival.name: folder / f"{rival.name}.log" for rival in rivals}
        running = {rival.name: _start(rig, rival, logs[rival.name], stack) for rival in rivals}
        for name, contestant in running.items():
            wait_until_ready(name, contestant.processes[0], logs[name], READY)
        yield running


def _start(rig: Rig, rival: Rival, log: Path, stack: ExitStack) -> Contestant:
    queue_url = _queue(rig, rival)
    arguments = (rival.name, queue_url, *rival.arguments)
    command = die_with_parent([sys.executable, "-m", f"tests.bench.{rival.module}", *arguments])
    stream = stack.enter_context(log.open("w"))
    process = subprocess.Popen(command, cwd=ROOT, stdout=stream, stderr=stream)
    contestant = Contestant(rig, rival.name, rival.name, queue_url, process)
    if rival.sends_tasks:
        app = celery_worker.celery_app(queue_url)
        contestant.announce = lambda key: celery_worker.send(app, celery_worker.event(rival.name, key))
    stack.callback(stop, process)
    return contestant


def _queue(rig: Rig, rival: Rival) -> str:
    """Make its queue, like the worker's, and its bucket."""
    url = str(rig.sqs.create_queue(QueueName=rival.name, Attributes={"VisibilityTimeout": "60"})["QueueUrl"])
    rig.s3.create_bucket(Bucket=rival.name)
    if not rival.sends_tasks:
        arn = f"arn:aws:sqs:us-east-1:000000000000:{rival.name}"
        rig.s3.put_bucket_notification_configuration(
            Bucket=rival.name,
            NotificationConfiguration={
                "QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]
            },
        )
    return url


def engine_of(log: Path) -> str:
    """Give the engine that a worker says it has chosen; another process might measure and choose differently."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if '"engine_chosen"' in line]
    if not lines:
        raise BenchError(f"{log} does not say which engine was chosen")
    return str(lines[0]["engine"])


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
