"""The test bed of the benchmark: LocalStack, Valkey, and the worker as a process of its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import psutil
import redis

from bench.processes import ROOT, BenchError, busy_seconds, cpu_seconds
from localstack.services import Services
from localstack.worker_process import WorkerProcess
from worker.settings.cores import cores

CORES = cores()
WORKERS = "photos"  # the worker's bucket
MODEL = ROOT / "models" / "reference" / "built" / "reference"
MOST_OBJECTS = 1000  # keys that one S3 delete call takes
COUNTS = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]


class BenchRig:
    """Clients of the services, and a running worker; made by `start_rig`."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        # An empty one: a verdict kept from an earlier, busier day would choose the engine of all contestants.
        prepare_environment({**environment, "WORKER_MODEL_CACHE": str(log.parent / "models")})
        self.s3: Any = boto3.client("s3")
        self.sqs: Any = boto3.client("sqs")
        self.redis: Any = redis.Redis.from_url(os.environ["WORKER_REDIS_URL"], decode_responses=True)
        self.services = psutil.Process().children(recursive=True)
        self.worker = WorkerProcess(log)

    def engine(self) -> str:
        """Return the engine that the worker chose; another process might choose differently."""
        chosen = self.worker.events("engine_chosen")
        if not chosen:
            raise BenchError(f"{self.worker.log} does not say which engine was chosen")
        return str(chosen[0]["engine"])

    def read_cpu(self) -> tuple[float, float, float]:
        """CPU seconds so far of the worker, the services, and all programs that take no part."""
        process = psutil.Process(self.worker.pid)
        worker, services = (
            cpu_seconds([process, *process.children(recursive=True)]),
            cpu_seconds(self.services),
        )
        return worker, services, busy_seconds() - worker - services - cpu_seconds([psutil.Process()])

    def create_queue(self, name: str, *, notify: bool = True) -> str:
        """Create a bucket, and a queue that hears of its uploads; return the queue's URL."""
        attributes = {"VisibilityTimeout": "60"}
        url = str(self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])
        self.s3.create_bucket(Bucket=name)
        if notify:
            arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
            queues = [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]
            self.s3.put_bucket_notification_configuration(
                Bucket=name, NotificationConfiguration={"QueueConfigurations": queues}
            )
        return url

    def count_messages(self, queue_url: str) -> int:
        """How many messages a queue holds, hidden ones included."""
        answer = self.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=COUNTS)
        return sum(int(count) for count in answer["Attributes"].values())

    def remove(self, bucket: str, ids: list[str]) -> None:
        """Delete photos, which frees LocalStack's memory for the next burst."""
        for start in range(0, len(ids), MOST_OBJECTS):
            keys = [{"Key": f"uploads/{i}.jpg"} for i in ids[start : start + MOST_OBJECTS]]
            self.s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})


@contextmanager
def start_rig(folder: Path) -> Iterator[BenchRig]:
    """Start everything, stop everything. Raises BenchError, ServicesError."""
    if not MODEL.is_dir():
        raise BenchError(f"{MODEL} is missing: run `make model`")
    with Services(folder) as services:
        rig = BenchRig(services.environment(), folder / "worker.log")
        try:
            rig.worker.wait_for("polling")
            yield rig
        finally:
            rig.worker.stop()


def prepare_environment(services: dict[str, str]) -> None:
    """Point boto3 and all children at the services. Other `WORKER_…` variables stay as they are."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    ours = {"WORKER_MODEL": str(MODEL), "WORKER_LOG_FORMAT": "json", "WORKER_LOG_LEVEL": "info"}
    os.environ.update({**services, **ours})
