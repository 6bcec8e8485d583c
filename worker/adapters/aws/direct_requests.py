"""SQS, the API's side: sends direct requests."""

import json
from collections.abc import Mapping

from worker.adapters.aws.clients import raise_as, sqs_client
from worker.errors import QueueError

# Seconds; short, because a person waits, and S3's notification replaces a request that fails.
CONNECT, READ = 1, 2
ATTEMPTS = 2


class RequestSender:
    """Sends requests to one queue. Thread-safe."""

    def __init__(self, url: str) -> None:
        """Do not connect yet. Raises ConfigurationError for a wrong region or profile."""
        self._url = url
        self._sqs = sqs_client(connect=CONNECT, read=READ, attempts=ATTEMPTS)

    def send(self, request: Mapping[str, str]) -> None:
        """Send one request as JSON. Raises QueueError."""
        body = json.dumps(dict(request))
        with raise_as(QueueError):
            self._sqs.call(lambda sqs: sqs.send_message(QueueUrl=self._url, MessageBody=body))
