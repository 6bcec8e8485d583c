"""The services, and the worker as a process of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import psutil
import redis

from bench.processes import ROOT, BenchError, busy_seconds, cpu_seconds, peak_memory_mb
from localstack.services import Services, die_with_parent

CORES = os.cpu_count() or 1
WORKERS = "photos"  # the worker's bucket
MODEL = ROOT / "models" / "reference" / "built" / "reference"
MOST_OBJECTS = 1000  # S3's limit of keys a delete call
START = 120.0  # seconds until the worker must poll
STOP = 40.0  # seconds to drain; the worker's own deadline is shorter


class Rig:
    """Everything a measurement needs; use it through `rig`."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        prepare_environment(environment)
        self.s3: Any = boto3.client("s3")
        self.sqs: Any = boto3.client("sqs")
        self.redis: Any = redis.Redis.from_url(os.environ["WORKER_REDIS_URL"], decode_responses=True)
        self.services = psutil.Process().children(recursive=True)
        self._log = log
        with log.open("w") as stream:
            command = die_with_parent([sys.executable, "-m", "worker"])
            self.worker = subprocess.Popen(command, cwd=ROOT, stdout=stream, stderr=stream)

    def wait_until_polling(self) -> None:
        """Wait for the end of the worker's warm-up. Raises BenchError when it ends or does not poll in time."""
        deadline = time.monotonic() + START
        while '"polling"' not in self._log.read_text():
            if self.worker.poll() is not None or time.monotonic() > deadline:
                raise BenchError(f"the worker does not poll; it says\n{self._log.read_text()[-2000:]}")
            time.sleep(0.1)

    def peak_memory_mb(self) -> float:
        """Most memory that the worker has had resident."""
        return peak_memory_mb(self.worker.pid)

    def logged(self, *events: str) -> int:
        """How many lines of the worker's log so far are of these events."""
        wanted = tuple(f'"event": "{event}"' for event in events)
        with self._log.open() as lines:
            return sum(any(one in line for one in wanted) for line in lines)

    def stop(self) -> None:
        """Drain the worker."""
        self.worker.send_signal(signal.SIGCONT)
        self.worker.terminate()
        try:
            self.worker.wait(STOP)
        except subprocess.TimeoutExpired:
            self.worker.kill()
            self.worker.wait()

    def used(self) -> tuple[float, float, float]:
        """CPU seconds so far of the worker, of the services, and of all programs that have no part in this."""
        worker, services = cpu_seconds([psutil.Process(self.worker.pid)]), cpu_seconds(self.services)
        return worker, services, busy_seconds() - worker - services - cpu_seconds([psutil.Process()])

    def remove(self, bucket: str, ids: list[str]) -> None:
        """Free LocalStack's memory for the next burst."""
        for start in range(0, len(ids), MOST_OBJECTS):
            keys = [{"Key": _key(i)} for i in ids[start : start + MOST_OBJECTS]]
            self.s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})

    def left(self) -> int:
        """How many messages the worker's queue holds, hidden ones included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.sqs.get_queue_attributes(QueueUrl=os.environ["WORKER_QUEUE_URL"], AttributeNames=names)
        return sum(int(count) for count in answer["Attributes"].values())


@contextmanager
def rig(folder: Path) -> Iterator[Rig]:
    """Start everything, stop everything. Raises BenchError, ServicesError."""
    if not MODEL.is_dir():
        raise BenchError(f"{MODEL} is missing: run `make model`")
    with Services(folder) as services:
        made = Rig(services.environment(), folder / "worker.log")
        try:
            made.wait_until_polling()
            yield made
        finally:
            made.stop()


def prepare_environment(services: dict[str, str]) -> None:
    """Point boto3 and all children at the services; further `WORKER_…` of the person's own stay, to be tried."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    ours = {"WORKER_MODEL": str(MODEL), "WORKER_LOG_FORMAT": "json", "WORKER_LOG_LEVEL": "info"}
    os.environ.update({**services, **ours})


def _key(image_id: str) -> str:
    return f"uploads/{image_id}.jpg"
