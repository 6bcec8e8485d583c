"""A Celery worker that scores the same photos: one task a photo, which carries the S3 event.

    python -m bench.rivals.celery_worker PREFIX QUEUE_URL [POOL]

Configured as Celery's guide recommends for SQS and for tasks that must not be lost: late
acknowledgement, so that a message is deleted when its task is done; the queue's own visibility
timeout; long polls; no results, events or remote control, which SQS does not support. There is a
process a core, each with a model of one thread, because the processes use the cores. The prefetch
lets a receive return SQS's ten messages: the guide's 1 is for tasks of minutes, and the default of 4
a process would stop at eight. A pool of threads was as fast, within the spread of the rounds, so
this is the pool that the guide recommends for computation.
"""

import functools
import json
import os
import sys
from typing import Any

import numpy as np
from celery import Celery
from celery.signals import worker_process_init, worker_ready

from bench.processes import READY
from bench.rivals.photo_task import Frozen, Photos, Results, photos_of
from worker.settings.cores import cores

CORES = cores()
TASK = "score"
VISIBILITY = 60  # seconds, as the worker's queue has it
LONGEST_START = 120.0  # seconds until a process of the pool has loaded its model; Celery's own limit is 4
PREFETCH = -(-10 // CORES)  # tasks a process


def celery_app(queue_url: str) -> Celery:
    """Make an app with the queue at this URL as its default."""
    endpoint, queue = os.environ["AWS_ENDPOINT_URL"], queue_url.rsplit("/", 1)[-1]
    app = Celery("bench", broker=endpoint.replace("http://", "sqs://test:test@"))
    app.conf.update(
        broker_transport_options={
            "region": os.environ["AWS_DEFAULT_REGION"],
            "is_secure": False,
            "predefined_queues": {queue: {"url": queue_url}},
            "visibility_timeout": VISIBILITY,
            "wait_time_seconds": 10,
            "polling_interval": 0,  # the long poll waits; a pause after it would only add latency
        },
        task_default_queue=queue,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        worker_prefetch_multiplier=PREFETCH,
        worker_proc_alive_timeout=LONGEST_START,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_redirect_stdouts=False,  # the bench reads the output
    )
    return app


def event(bucket: str, key: str) -> str:
    """Make the part of S3's event that matters here."""
    return json.dumps({"Records": [{"s3": {"bucket": {"name": bucket}, "object": {"key": key}}}]})


def send(app: Celery, event: str) -> None:
    """Queue a photo's task."""
    app.send_task(TASK, args=[event])


class Scoring:
    """What a process of the pool needs, made once in each."""

    def __init__(self, prefix: str) -> None:
        self._photos = Photos()
        self._results = Results(prefix)
        self._frozen = Frozen(threads=1)

    def score(self, event: str) -> None:
        """Score the photos of an event."""
        for bucket, key in photos_of(event):
            pixels = self._frozen.prepare(self._photos.read(bucket, key))
            self._results.write(key, self._frozen.scores(pixels[np.newaxis])[0])


def main() -> None:
    """Work until SIGTERM."""
    prefix, queue_url, *pool = sys.argv[1:]
    app = celery_app(queue_url)
    scoring = functools.cache(lambda: Scoring(prefix))

    def score(event: str) -> None:
        scoring().score(event)

    def load(**_: Any) -> None:
        scoring()

    def tell(**_: Any) -> None:
        print(READY, flush=True)

    app.task(name=TASK)(score)
    worker_process_init.connect(load, weak=False)
    worker_ready.connect(tell, weak=False)
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=WARNING"]
    app.worker_main(["worker", f"--concurrency={CORES}", f"--pool={(pool or ['prefork'])[0]}", *quiet])


if __name__ == "__main__":
    main()
