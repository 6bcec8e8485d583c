"""The test bed of the integration tests: a bucket, queues and a Redis of its own, and workers that use them."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import redis

from localstack.worker_process import WorkerProcess
from tests.support import ROOT
from tests.support.waiting import PATIENCE, eventually
from worker import settings
from worker.client import Client
from worker.messages import S3Object
from worker.result import Result
from worker.supervision import supervisor
from worker.telemetry.counters import Telemetry

RECEIVES = 3  # receives until a message goes to the dead-letter queue


class Rig:
    """Bucket `NAME`, queue `NAME` with a short visibility timeout in seconds, dead-letter queue `NAME-dead`.

    Log files of worker processes go to `folder`.
    """

    def __init__(
        self,
        name: str,
        environment: Mapping[str, str],
        folder: Path,
        *,
        visibility_timeout: int = 2,
        max_receives: int = RECEIVES,
    ) -> None:
        self.name = self.bucket = name
        self.folder = folder
        self.workers: list[WorkerProcess] = []
        self.s3: Any = boto3.client("s3")
        self.sqs: Any = boto3.client("sqs")
        self.redis: Any = redis.Redis.from_url(environment["WORKER_REDIS_URL"], decode_responses=True)
        self.redis.flushdb()
        self.dead_url = self.sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        self.queue_url = self._create_queue(visibility_timeout, max_receives)
        self.s3.create_bucket(Bucket=name)
        self.environment = {
            **environment,
            "WORKER_QUEUE_URL": self.queue_url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "WORKER_BUCKETS": name,
            "WORKER_RECEIVE_WAIT": "1",
            "WORKER_BATCH_SIZE": "4",
            "WORKER_ENGINE": "litert",  # most tests start a worker: TensorFlow takes seconds
            "WORKER_RETRY_DELAY": "0",
        }

    @cached_property
    def client(self) -> Client:
        """A client of the workers' settings."""
        return Client(settings.load(self.environment))

    def _create_queue(self, visibility_timeout: int, max_receives: int) -> str:
        redrive = {"deadLetterTargetArn": self._arn(self.dead_url), "maxReceiveCount": max_receives}
        attributes = {"VisibilityTimeout": str(visibility_timeout), "RedrivePolicy": json.dumps(redrive)}
        return str(self.sqs.create_queue(QueueName=self.name, Attributes=attributes)["QueueUrl"])

    def announce_uploads(self, queue_url: str = "", *, bucket: str = "") -> None:
        """Let a bucket tell the queue, or another one, as in production; that sends a test event first."""
        queue = {
            "QueueArn": self._arn(queue_url or self.queue_url),
            "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
        }
        configuration = {"QueueConfigurations": [queue]}
        self.s3.put_bucket_notification_configuration(
            Bucket=bucket or self.bucket, NotificationConfiguration=configuration
        )

    def put(
        self, image_id: str, photo: bytes, suffix: str = ".jpg", *, bucket: str = "", folder: str = "uploads"
    ) -> str:
        """Put a photo and tell nobody; its ETag."""
        return self.store(bucket or self.bucket, f"{folder}/{image_id}{suffix}", photo).etag or ""

    def store(self, bucket: str, key: str, photo: bytes) -> S3Object:
        """Put an object; what S3 says of it."""
        answer = self.s3.put_object(Bucket=bucket, Key=key, Body=photo)
        return S3Object(bucket, key, answer.get("VersionId"), answer["ETag"].strip('"'), len(photo))

    def send(self, body: object) -> None:
        """Send a body, as JSON unless it is text."""
        text = body if isinstance(body, str) else json.dumps(body)
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=text)

    def settings(self, **changed: str) -> dict[str, str]:
        """The environment with changed settings, e.g. `batch_size="8"`.

        A test's own model runs on TensorFlow: translating it would take longer.
        """
        own = {"engine": "tensorflow"} if "model" in changed else {}
        return {**self.environment, **as_variables({**own, **changed})}

    @contextmanager
    def worker(self, **changed: str) -> Iterator[Telemetry]:
        """Run a worker in this process, with its three threads; at the end it must drain."""
        from worker import app  # TensorFlow takes seconds, which unit tests need not spend

        loaded = settings.load(self.settings(**changed))
        telemetry, stop, codes = Telemetry(), supervisor.StopFlag(), list[int]()
        timeouts = supervisor.Timeouts(loaded.drain_deadline, loaded.receive_wait, loaded.stall_after, 0)
        built = app.build(loaded, telemetry)
        main = supervisor.Supervisor(built, stop, timeouts, time.monotonic)
        thread = threading.Thread(target=lambda: codes.append(main.run()))
        thread.start()
        try:
            yield telemetry
        finally:
            stop.request()
            thread.join(loaded.drain_deadline + 5)
        assert codes == [supervisor.OK], f"the worker ended with {codes}: {built.pipeline.error!r}"

    def process(self, *arguments: str, program: str = "", **changed: str) -> WorkerProcess:
        """Start a worker as a process, or another of its commands, or a program in its place.

        Its standard output is in a file beside its log, with the suffix `.out`.
        """
        log, environment = self.folder / f"worker-{len(self.workers) + 1}.log", self.settings(**changed)
        with log.with_suffix(".out").open("w") as stdout:
            worker = WorkerProcess(log, *arguments, environment=environment, stdout=stdout, program=program)
        self.workers.append(worker)
        return worker

    def run(self, *arguments: str, **changed: str) -> tuple[int, str, str]:
        """Run one of the worker's commands: exit code, standard output, standard error with no traceback in it."""
        done = subprocess.run(
            [sys.executable, "-m", "worker", *arguments],
            env=self.settings(**changed),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=3 * PATIENCE,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout, done.stderr

    def result(self, image_id: str) -> Result:
        """Wait for a photo's result."""
        return self.client.wait(image_id, PATIENCE)

    def stored(self) -> dict[str, Any]:
        """Every result in Redis."""
        return {key: json.loads(self.redis.get(key)) for key in self.redis.keys("result:*")}

    def left(self, queue_url: str = "") -> int:
        """How many messages a queue holds, hidden ones included."""
        return sum(self._count(queue_url or self.queue_url))

    def in_flight(self) -> int:
        """How many messages of the queue are hidden: workers hold them."""
        return self._count(self.queue_url)[1]

    def settles(self, *, dead: int = 0) -> None:
        """Wait until the queue is empty and the dead-letter queue holds `dead` messages."""
        eventually(lambda: (self.left(), self.left(self.dead_url)) == (0, dead), self.counts)

    def counts(self) -> str:
        """What is where, for a wait that fails."""
        return (
            f"queue {self.left()}, dead letters {self.left(self.dead_url)}, results {sorted(self.stored())}"
        )

    def close(self) -> None:
        """Kill the workers that are left and close connections; bucket and queues go with the services."""
        for worker in self.workers:
            if not worker.has_ended():
                worker.kill()
        self.redis.close()

    def _count(self, queue_url: str) -> tuple[int, int]:
        """The visible messages of a queue and the hidden ones, at one moment."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
        visible, hidden = (int(answer["Attributes"][name]) for name in names)
        return visible, hidden

    def _arn(self, queue_url: str) -> str:
        return f"arn:aws:sqs:us-east-1:000000000000:{queue_url.rsplit('/', 1)[-1]}"


def count_known(telemetry: Telemetry) -> int:
    """Photos found to be scored before, at the first look or when their result was to be written."""
    counts = telemetry.counts
    return counts.get("already_scored", 0) + counts.get("photos_already_scored", 0)


def as_variables(changed: Mapping[str, str]) -> dict[str, str]:
    """Settings as environment variables: batch_size is WORKER_BATCH_SIZE."""
    return {f"WORKER_{name.upper()}": value for name, value in changed.items()}
