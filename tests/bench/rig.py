"""The services, the worker as a process of its own, and a queue for the plain loop beside it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import psutil
import redis

from localstack.services import Services, die_with_parent
from tests.bench.photos import image_id
from tests.stand import ROOT, eventually

BUCKET = "photos"  # the worker's; `plain` is the plain loop's
MODEL = ROOT / "models" / "reference" / "built" / "reference"
UPLOADERS = 8
PATIENCE = 120.0  # seconds until a burst must be through


class LostError(Exception):
    """Raised when fewer results came out than photos went in."""


class Rig:
    """Everything a measurement needs."""

    def __init__(self, services: Services, folder: Path) -> None:
        os.environ.update(services.environment())
        self.s3: Any = boto3.client("s3")
        self.sqs: Any = boto3.client("sqs")
        self.redis: Any = redis.Redis.from_url(os.environ["WORKER_REDIS_URL"], decode_responses=True)
        self.plain_queue = self._plain_queue()
        self._log = folder / "worker.log"
        self.worker = self._start_worker()
        self.services = [p for p in psutil.Process().children(recursive=True) if p.pid != self.worker.pid]

    def upload(self, bucket: str, kind: str, round_number: int, photos: list[bytes], count: int) -> list[str]:
        """Put `count` photos; their ids."""
        ids = [image_id(kind, round_number, number) for number in range(count)]

        def put(number: int) -> None:
            key = f"uploads/{ids[number]}.jpg"
            self.s3.put_object(Bucket=bucket, Key=key, Body=photos[number % len(photos)])

        with ThreadPoolExecutor(UPLOADERS) as pool:
            list(pool.map(put, range(count)))
        return ids

    def burst(self, kind: str, round_number: int, photos: list[bytes], count: int) -> dict[str, float]:
        """Let the worker find `count` photos waiting: photos/s, and CPU milliseconds per photo by whom."""
        self.worker.send_signal(signal.SIGSTOP)
        ids = self.upload(BUCKET, kind, round_number, photos, count)
        process = psutil.Process(self.worker.pid)
        before = _cpu([process]), _cpu(self.services)
        with self.redis.pubsub() as results:
            results.psubscribe("result:*")
            begun = time.monotonic()
            self.worker.send_signal(signal.SIGCONT)
            _await(results, set(ids), begun + PATIENCE)
            took = time.monotonic() - begun
        used = _cpu([process]) - before[0], _cpu(self.services) - before[1]
        return {
            "photos_per_s": count / took,
            "worker_cpu_ms": used[0] * 1000 / count,
            "services_cpu_ms": used[1] * 1000 / count,
        }

    def plain_loop(self, kind: str, round_number: int, photos: list[bytes], count: int) -> float:
        """Photos/s of the plain loop; the worker idles meanwhile."""
        self.upload("plain", kind, round_number, photos, count)
        said = _child("tests.bench.plain_loop", self.plain_queue, str(MODEL / "1"), str(count))
        return count / float(said.split()[-1])

    def agreement(self, kind: str, round_number: int, count: int) -> float:
        """Share of photos to which worker and plain loop gave the same score."""
        ids = [image_id(kind, round_number, number) for number in range(count)]
        pairs = [(self.redis.get(f"result:{i}"), self.redis.get(f"plain:{i}")) for i in ids]
        return sum(f'"score":{plain},' in str(result) for result, plain in pairs) / count

    def peak_memory_mb(self) -> float:
        """Most memory that the worker has had resident."""
        status = Path(f"/proc/{self.worker.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def stop(self) -> None:
        """Drain the worker."""
        self.worker.send_signal(signal.SIGCONT)
        self.worker.terminate()
        self.worker.wait(40)

    def _plain_queue(self) -> str:
        url = str(self.sqs.create_queue(QueueName="plain")["QueueUrl"])
        self.s3.create_bucket(Bucket="plain")
        queue = {"QueueArn": "arn:aws:sqs:us-east-1:000000000000:plain", "Events": ["s3:ObjectCreated:*"]}
        self.s3.put_bucket_notification_configuration(
            Bucket="plain", NotificationConfiguration={"QueueConfigurations": [queue]}
        )
        return url

    def _start_worker(self) -> "subprocess.Popen[str]":
        with self._log.open("w") as log:
            worker = subprocess.Popen(
                die_with_parent([sys.executable, "-m", "worker"]), cwd=ROOT, stderr=log, text=True
            )
        eventually(lambda: '"polling"' in self._log.read_text(), self._log.read_text)
        return worker


@contextmanager
def rig(folder: Path) -> Iterator[Rig]:
    """Start everything, stop everything."""
    with Services(folder) as services:
        made = Rig(services, folder)
        try:
            yield made
        finally:
            made.stop()


def alone(kind: str) -> str:
    """Run tests.bench.alone; its JSON."""
    return _child("tests.bench.alone", str(MODEL), kind)


def _child(module: str, *arguments: str) -> str:
    done = subprocess.run(
        die_with_parent([sys.executable, "-m", module, *arguments]),
        cwd=ROOT,
        capture_output=True,  # TensorFlow greets at length; what it says is shown only when it fails
        text=True,
        check=False,
        timeout=PATIENCE + 60,
    )
    if done.returncode:
        raise RuntimeError(f"{module} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def _await(results: Any, missing: set[str], deadline: float) -> None:
    while missing:
        message = results.get_message(timeout=1.0)
        if message and message["type"] == "pmessage":
            missing.discard(message["channel"].removeprefix("result:"))
        if time.monotonic() > deadline:
            raise LostError(f"{len(missing)} photos have no result after {PATIENCE:.0f} s")


def _cpu(processes: list[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return float(sum(t.user + t.system for t in times))
