"""What S3's slow notification costs, with and without the direct request; the bench plays S3's part.

The bucket's own notification is switched off meanwhile. After each PUT the bench sends S3's body itself, as late as
the published distribution says; with the fast path a direct request goes out first, right after the PUT.
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
from bench.rig import WORKERS, Rig
from worker.client import direct_request

STEPS = 2  # how often `measure` tells
SEED = 2
SHORTEST = 5.0  # seconds; fewer photos would say nothing of the tail


def measure(
    rig: Rig, photos: list[bytes], rate: float, seconds: float, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Photos at `rate` a second whose notification comes late: `alone`, and with the `direct_request`."""
    with notification_off(rig.s3, WORKERS):
        tell("slow notification")
        alone = _slow(rig, photos, rate, seconds, direct=False)
        tell("slow notification and direct request")
        direct = _slow(rig, photos, rate, seconds, direct=True)
    return {"offered_per_s": rate, "alone": alone, "direct_request": direct}


@contextmanager
def notification_off(s3: Any, bucket: str) -> Iterator[None]:
    """Let the bucket tell nobody; afterwards it does again."""
    before = s3.get_bucket_notification_configuration(Bucket=bucket)
    before.pop("ResponseMetadata", None)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    try:
        yield
    finally:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=before)


def _slow(rig: Rig, photos: list[bytes], rate: float, seconds: float, *, direct: bool) -> dict[str, Any]:
    """One run: latencies from the moment each photo was due, and how often photos were scored."""
    moments = poisson(rate, max(SHORTEST, seconds), SEED)
    series = Series(f"slow notification, direct={direct}", photos)
    ids, delays = [series.image_id(n) for n in range(len(moments))], notification_delays(len(moments), SEED)
    scored, known = rig.logged("scored", "unrecognised"), rig.logged("already_scored")
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
        repeated = listener.repeated()
    rig.remove(WORKERS, ids)
    seen = [heard[i].at - since for i, since in zip(ids, due, strict=True)]
    scorings = rig.logged("scored", "unrecognised") - scored
    return {
        "photos": len(ids),
        **summary(seen),
        "steps_mean": mean_steps([heard[i].ledger() for i in ids], [1000 * one for one in seen]),
        "scored": scorings,
        "scored_again": scorings - len(ids),
        "already_scored": rig.logged("already_scored") - known,
        "announced_again": repeated,
    }


def wait_until_empty(rig: Rig) -> None:
    """Wait until no message is left. Raises LostError."""
    deadline = time.monotonic() + SILENCE
    while left := rig.left():
        if time.monotonic() > deadline:
            raise LostError(f"{left} messages were not deleted though every photo has its result")
        time.sleep(0.05)
