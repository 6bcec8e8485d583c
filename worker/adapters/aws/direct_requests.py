"""SQS, the API's side: direct requests out."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from worker.adapters.aws.clients import Client, reason, session_client
from worker.errors import QueueError

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

CONNECT, READ = (
    1,
    2,
)  # seconds: somebody waits for the upload, and without a request S3's notification does as well
ATTEMPTS = 2


class Requests:
    """Sends to one queue; thread-safe."""

    def __init__(self, url: str) -> None:
        """Connect to nothing yet. Raises ConfigurationError when region or profile are missing or wrong."""
        self._url = url
        self._sqs: Client[SQSClient] = Client(
            lambda: session_client("sqs", connect=CONNECT, read=READ, attempts=ATTEMPTS)
        )

    def send(self, request: Mapping[str, str]) -> None:
        """Send one request, as JSON. Raises QueueError."""
        body = json.dumps(dict(request))
        try:
            self._sqs.call(lambda sqs: sqs.send_message(QueueUrl=self._url, MessageBody=body))
        except (BotoCoreError, ClientError) as error:
            raise QueueError(reason(error)) from error
