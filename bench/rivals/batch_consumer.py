"""Feeds the batch server from SQS: takes ten messages, posts their photos at once, deletes all ten.

    python -m bench.rivals.batch_consumer PREFIX QUEUE_URL

Starts the server and stops it. Prints READY before it starts work.
"""

import os
import signal
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import urllib3
from botocore.config import Config

from bench.processes import READY, BenchError
from bench.rivals.photo_task import Photos, Results, photos_of
from localstack.services import free_port
from localstack.worker_process import ChildProcess

RECEIVERS, TEN = 4, 10  # together 40 photos in flight: more than a batch
START, STOP = 120.0, 10.0  # seconds
REQUEST = 60.0  # seconds


def main() -> None:
    """Work until SIGTERM."""
    prefix, queue_url = sys.argv[1:]
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        socket_path = {"MOSEC_PATH": f"{folder}/mosec", "MOSEC_ADDRESS": "127.0.0.1", "MOSEC_PORT": str(port)}
        limits = {"MOSEC_TIMEOUT": str(int(REQUEST * 1000)), "MOSEC_LOG_LEVEL": "warning"}
        environment = {**os.environ, **socket_path, **limits}
        log = Path(folder) / "server.log"
        server = ChildProcess(log, "-m", "bench.rivals.batch_server", environment=environment)
        stopping = threading.Event()
        signal.signal(signal.SIGTERM, lambda _number, _frame: stopping.set())
        try:
            _wait_for_server(server, port)
            _consume(prefix, queue_url, port, stopping)
        finally:
            server.stop(STOP)


def _consume(prefix: str, queue_url: str, port: int, stopping: threading.Event) -> None:
    sqs: Any = boto3.client("sqs", config=Config(max_pool_connections=2 * RECEIVERS))
    photos, results = Photos(), Results(prefix)
    web = urllib3.PoolManager(maxsize=RECEIVERS * TEN)

    def score(message: dict[str, str]) -> dict[str, str]:
        for bucket, key in photos_of(message["Body"]):
            answer = web.request("POST", _url(port), body=photos.read(bucket, key), timeout=REQUEST)
            if answer.status != 200:
                raise BenchError(f"the batch server answered {answer.status}: {answer.data[:200]!r}")
            results.write(key, int(answer.json()))
        return {"Id": message["MessageId"], "ReceiptHandle": message["ReceiptHandle"]}

    def receive() -> None:
        while not stopping.is_set():
            answer = sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=5, MaxNumberOfMessages=TEN)
            done = list(pool.map(score, answer.get("Messages", [])))
            if done:
                sqs.delete_message_batch(QueueUrl=queue_url, Entries=done)

    with ThreadPoolExecutor(RECEIVERS * TEN) as pool, ThreadPoolExecutor(RECEIVERS) as receivers:
        running = [receivers.submit(receive) for _ in range(RECEIVERS)]
        print(READY, flush=True)
        for one in running:
            one.result()


def _wait_for_server(server: ChildProcess, port: int) -> None:
    deadline, web = time.monotonic() + START, urllib3.PoolManager(retries=False)
    empty = b""
    while True:
        try:
            if web.request("POST", _url(port), body=empty, timeout=REQUEST).status != 503:
                return  # it has tried to decode nothing: every stage runs
        except urllib3.exceptions.HTTPError:
            pass
        if server.has_ended() or time.monotonic() > deadline:
            raise BenchError(f"the batch server does not answer; {server.tail()}")
        time.sleep(0.2)


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}/inference"


if __name__ == "__main__":
    main()
