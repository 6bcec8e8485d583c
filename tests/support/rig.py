"""One test's corner of the real services: its bucket, its queues, its keys in Redis, and workers on them."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import redis

from worker import app, settings
from worker.client import Client
from worker.result import Result
from worker.supervision import supervisor
from worker.telemetry.counters import Telemetry

ROOT = Path(__file__).parents[2]
PATIENCE = 20.0  # seconds any wait here may take
RECEIVES = 3  # after so many a message goes to the dead-letter queue


class Stand:
    """Bucket `NAME`, queue `NAME`, dead-letter queue `NAME-dead`; messages stay hidden for `hidden` seconds only."""

    def __init__(
        self, name: str, environment: Mapping[str, str], *, hidden: int = 2, receives: int = RECEIVES
    ) -> None:
        self.name = self.bucket = name
        self.s3: Any = boto3.client("s3")
        self.sqs: Any = boto3.client("sqs")
        self.redis: Any = redis.Redis.from_url(environment["WORKER_REDIS_URL"], decode_responses=True)
        self.redis.flushdb()
        self.dead_url = self.sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        self.queue_url = self._queue(name, hidden, receives)
        self.s3.create_bucket(Bucket=name)
        self.environment = {
            **environment,
            "WORKER_QUEUE_URL": self.queue_url,
            "WORKER_BUCKETS": name,
            "WORKER_RECEIVE_WAIT": "1",
            "WORKER_BATCH_SIZE": "4",
            "WORKER_ENGINE": "tensorflow",  # most tests start a worker: choosing an engine takes seconds
            "WORKER_RETRY_DELAY": "0",
        }
        self.client = Client(settings.load(self.environment))

    def _queue(self, name: str, hidden: int, receives: int) -> str:
        redrive = {"deadLetterTargetArn": self._arn(self.dead_url), "maxReceiveCount": receives}
        attributes = {"VisibilityTimeout": str(hidden), "RedrivePolicy": json.dumps(redrive)}
        return str(self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])

    def announce_uploads(self, queue_url: str = "") -> None:
        """Let the bucket tell the queue, or another one, as in production; that sends a test event first."""
        queue = {
            "QueueArn": self._arn(queue_url or self.queue_url),
            "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
        }
        configuration = {"QueueConfigurations": [queue]}
        self.s3.put_bucket_notification_configuration(
            Bucket=self.bucket, NotificationConfiguration=configuration
        )

    def put(self, image_id: str, photo: bytes, suffix: str = ".jpg") -> str:
        """Put a photo and tell nobody; its ETag."""
        answer = self.s3.put_object(Bucket=self.bucket, Key=f"uploads/{image_id}{suffix}", Body=photo)
        return str(answer["ETag"]).strip('"')

    def send(self, body: object) -> None:
        """Send a body, as JSON unless it is text."""
        text = body if isinstance(body, str) else json.dumps(body)
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=text)

    @contextmanager
    def worker(self, **changed: str) -> Iterator[Telemetry]:
        """A worker in this process, with its three threads; drained at the end, and that must succeed."""
        wanted = settings.load({**self.environment, **{f"WORKER_{k.upper()}": v for k, v in changed.items()}})
        telemetry, stop, codes = Telemetry(), supervisor.StopFlag(), list[int]()
        timeouts = supervisor.Timeouts(wanted.drain_deadline, wanted.receive_wait, wanted.stall_after, 0)
        built = app.build(wanted, telemetry)
        thread = threading.Thread(
            target=lambda: codes.append(supervisor.Supervisor(built, stop, timeouts, time.monotonic).run())
        )
        thread.start()
        try:
            yield telemetry
        finally:
            stop.request()
            thread.join(wanted.drain_deadline + 5)
        assert codes == [supervisor.OK], f"the worker ended with {codes}: {built.pipeline.error!r}"

    def process(self, *arguments: str, **changed: str) -> "subprocess.Popen[str]":
        """A worker as a process of its own."""
        environment = {**self.environment, **{f"WORKER_{k.upper()}": v for k, v in changed.items()}}
        return subprocess.Popen(
            [sys.executable, "-m", "worker", *arguments],
            env={**environment, "AWS_EC2_METADATA_DISABLED": "true"},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def result(self, image_id: str) -> Result:
        """Wait for a result."""
        return self.client.wait(image_id, PATIENCE)

    def stored(self) -> dict[str, Any]:
        """Every result in Redis."""
        return {key: json.loads(self.redis.get(key)) for key in self.redis.keys("result:*")}

    def left(self, queue_url: str = "") -> int:
        """How many messages a queue holds, hidden ones included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.sqs.get_queue_attributes(QueueUrl=queue_url or self.queue_url, AttributeNames=names)
        return sum(int(count) for count in answer["Attributes"].values())

    def settles(self, *, dead: int = 0) -> None:
        """Wait until the queue is empty and the dead-letter queue holds `dead` messages."""
        eventually(lambda: (self.left(), self.left(self.dead_url)) == (0, dead), self.counts)

    def counts(self) -> str:
        """For a failed wait."""
        return (
            f"queue {self.left()}, dead letters {self.left(self.dead_url)}, results {sorted(self.stored())}"
        )

    def close(self) -> None:
        """Close connections; what was made goes with the services."""
        self.redis.close()

    def _arn(self, queue_url: str) -> str:
        return f"arn:aws:sqs:us-east-1:000000000000:{queue_url.rsplit('/', 1)[-1]}"


def eventually(
    condition: Callable[[], bool], explain: Callable[[], object] = lambda: "", patience: float = PATIENCE
) -> None:
    """Look again and again until a condition holds; fail with an explanation when patience ends."""
    deadline, pause = time.monotonic() + patience, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"it did not come to pass: {explain()}"
        pause.wait(0.05)


def await_polling(process: "subprocess.Popen[str]") -> None:
    """Read a worker's log up to the line that says it polls; fails when it ends before."""
    for line in process.stderr or ():
        if json.loads(line)["event"] == "polling":
            return
    raise AssertionError(f"the worker ended with exit code {process.wait(PATIENCE)} before it polled")


def known(telemetry: Telemetry) -> int:
    """Photos found to be scored before, at the first look or when their result was to be written."""
    counts = telemetry.counts
    return counts.get("already_scored", 0) + counts.get("photos_already_scored", 0)
