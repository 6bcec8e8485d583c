"""Who stands beside the worker: how each is started, with a queue and a bucket of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.processes import READY, ROOT, BenchError
from bench.rig import Rig
from bench.rivals import celery_worker
from bench.rivals.contestants import Contestant, stop, wait_until_ready
from localstack.services import die_with_parent


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
    Rival("frozen", "plain loop with the worker's decoding and model", "plain_loop", ("frozen",), share=0.25),
    Rival("celery", "Celery, a process per core", "celery_worker", share=0.6, sends_tasks=True),
    Rival("server", "batch server (Mosec)", "batch_consumer"),
)


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
    queue_url = queue_of(rig, rival.name, announced=not rival.sends_tasks)
    arguments = (rival.name, queue_url, *rival.arguments)
    command = die_with_parent([sys.executable, "-m", f"bench.rivals.{rival.module}", *arguments])
    stream = stack.enter_context(log.open("w"))
    process = subprocess.Popen(command, cwd=ROOT, stdout=stream, stderr=stream)
    contestant = Contestant(rig, rival.name, rival.name, queue_url, process)
    if rival.sends_tasks:
        app = celery_worker.celery_app(queue_url)
        contestant.announce = lambda key: celery_worker.send(app, celery_worker.event(rival.name, key))
    stack.callback(stop, process)
    return contestant


def queue_of(rig: Rig, name: str, *, announced: bool = True) -> str:
    """Make a queue like the worker's, and a bucket that is `announced` there; the queue's URL."""
    url = str(rig.sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "60"})["QueueUrl"])
    rig.s3.create_bucket(Bucket=name)
    if announced:
        arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
        rig.s3.put_bucket_notification_configuration(
            Bucket=name,
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
