"""What S3's slow notification costs, with and without a direct request.

The bench plays S3's part: the bucket's own notification is off. After each PUT the bench sends S3's
body, as late as the published distribution says. With the fast path, it first sends a direct request
right after the PUT.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config

from bench.latency.arrivals import notification_delays, poisson
from bench.latency.listener import SILENCE, Listener
from bench.latency.notifier import Notifier, notification
from bench.latency.sending import SENDERS, at_moments
from bench.latency.series import Series
from bench.latency.summary import mean_steps, summary
from bench.processes import LostError
from bench.rig import WORKERS, BenchRig
from worker.client import direct_request

STEPS = 2  # how many times `measure` reports progress
SEED = 2
SHORTEST = 5.0  # seconds; fewer photos would say nothing about the tail


def measure(
    rig: BenchRig, photos: list[bytes], rate: float, seconds: float, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Send `rate` photos a second with late notifications: `alone`, and with a `direct_request`."""
    with notification_off(rig.s3, WORKERS):
        tell("slow notification")
        alone = _run(rig, photos, rate, seconds, direct=False)
        tell("slow notification and direct request")
        direct = _run(rig, photos, rate, seconds, direct=True)
    return {"offered_per_s": rate, "alone": alone, "direct_request": direct}


@contextmanager
def notification_off(s3: Any, bucket: str) -> Iterator[None]:
    """Switch the bucket's notification off, and on again at the end."""
    before = s3.get_bucket_notification_configuration(Bucket=bucket)
    before.pop("ResponseMetadata", None)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    try:
        yield
    finally:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=before)


def _run(rig: BenchRig, photos: list[bytes], rate: float, seconds: float, *, direct: bool) -> dict[str, Any]:
    """Run once: latencies from when each photo was due, and how many times photos were scored."""
    moments = poisson(rate, max(SHORTEST, seconds), SEED)
    series = Series(f"slow notification, direct={direct}", photos)
    ids, delays = [series.image_id(n) for n in range(len(moments))], notification_delays(len(moments), SEED)
    scored, known = _count_scored(rig), rig.worker.count("already_scored")
    sqs: Any = boto3.client("sqs", config=Config(max_pool_connections=SENDERS))

    def send(body: str) -> None:
        sqs.send_message(QueueUrl=os.environ["WORKER_QUEUE_URL"], MessageBody=body)

    with Listener(rig.redis) as listener:
        with Notifier(send) as notifier:

            def put(number: int) -> None:
                stored, now = series.put(number), datetime.now(UTC)
                notifier.at(time.monotonic() + delays[number], notification(stored, now))
                if direct:
                    send(json.dumps(direct_request(ids[number], stored, now)))

            due, _ = at_moments(moments, put)
        heard = listener.first(ids)
        wait_until_empty(rig)
        repeated = listener.count_repeats()
    rig.remove(WORKERS, ids)
    seen = [heard[i].at - since for i, since in zip(ids, due, strict=True)]
    scorings = _count_scored(rig) - scored
    return {
        "photos": len(ids),
        **summary(seen),
        "steps_mean": mean_steps([heard[i].timings() for i in ids], [1000 * one for one in seen]),
        "scored": scorings,
        "scored_again": scorings - len(ids),
        "already_scored": rig.worker.count("already_scored") - known,
        "announced_again": repeated,
    }


def _count_scored(rig: BenchRig) -> int:
    return rig.worker.count("scored") + rig.worker.count("unrecognised")


def wait_until_empty(rig: BenchRig) -> None:
    """Wait until the queue is empty. Raises LostError."""
    deadline = time.monotonic() + SILENCE
    while left := rig.count_messages(os.environ["WORKER_QUEUE_URL"]):
        if time.monotonic() > deadline:
            raise LostError(f"{left} messages were not deleted though every photo has its result")
        time.sleep(0.05)
