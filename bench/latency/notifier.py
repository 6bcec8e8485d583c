"""S3's part: the body that announces a photo, sent at its time."""

import heapq
import itertools
import json
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Self
from urllib.parse import quote_plus

from bench.processes import BenchError
from worker.messages import S3Object
from worker.result import timestamp

Send = Callable[[str], object]  # sends one body


def notification(stored: S3Object, at: datetime) -> str:
    """Make S3's body for an upload."""
    thing = {"key": quote_plus(stored.key, safe="/"), "size": stored.size, "eTag": stored.etag}
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": timestamp(at),
        "eventName": "ObjectCreated:Put",
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": stored.bucket}, "object": thing},
    }
    return json.dumps({"Records": [record]})


class Notifier:
    """Sends each body at its time, from its own thread; leaving the context waits for all of them."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._due: list[tuple[float, int, str]] = []
        self._numbers = itertools.count()  # bodies due at the same moment keep their order
        self._change = threading.Condition()
        self._ending = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        """Start."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for the last body, unless an error ends the context. Raises BenchError."""
        with self._change:
            self._ending = True
            if kind is not None:
                self._due.clear()
            self._change.notify()
        self._thread.join()
        if self._error and kind is None:
            raise BenchError(f"a notification could not be sent: {self._error}")

    def at(self, moment: float, body: str) -> None:
        """Send a body at a monotonic time."""
        with self._change:
            heapq.heappush(self._due, (moment, next(self._numbers), body))
            self._change.notify()

    def _run(self) -> None:
        try:
            while (body := self._next()) is not None:
                self._send(body)
        except Exception as error:  # noqa: BLE001 - raised when the context ends
            self._error = error

    def _next(self) -> str | None:
        with self._change:
            while self._due or not self._ending:
                left = self._due[0][0] - time.monotonic() if self._due else None
                if left is not None and left <= 0:
                    return heapq.heappop(self._due)[2]
                self._change.wait(left)
        return None
