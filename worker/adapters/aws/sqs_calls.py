"""Calls of SQS: by libcurl, and by boto3 whenever that does not succeed.

boto3 takes many times the CPU time. But it knows retries, renewed credentials and what the errors
mean. Whatever is called here may be carried out twice: a message that was received and lost comes
back, and deleting or hiding it again changes nothing.
"""

import json
from collections.abc import Callable, Mapping
from operator import methodcaller
from typing import TYPE_CHECKING, Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError

from worker.adapters.aws.libcurl.connection import Limits
from worker.adapters.aws.libcurl.connections import Connections
from worker.adapters.aws.libcurl.routes import Request, Routes

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient  # noqa: F401 - named in a string

# Ten bodies of 1 MiB, each byte escaped. boto3 would read on.
MOST_BYTES = 32 * 1024 * 1024


class SqsCalls:
    """Calls to one queue with the same time limits. Thread-safe; as many are under way as there are threads."""

    def __init__(
        self, url: str, clock: Callable[[], float], limits: Limits, *, attempts: int, patience: float
    ) -> None:
        """Do not connect yet. Raises ConfigurationError for a wrong region or profile.

        `patience`: seconds until a failure of libcurl is that of the call. Its try is one of `attempts`.
        """
        self._url, self._clock, self._patience = url, clock, patience
        self._connections = Connections.make(clock, limits)
        tries = attempts if self._connections is None else max(attempts - 1, 1)
        self._routes = SqsRoutes(connect=limits.connect, read=limits.read, attempts=tries)
        self._boto3_is_next = False

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation by its name at SQS; returns the answer as boto3 does.

        Raises botocore's errors, and ValueError for an answer that cannot be read.
        """
        parameters.setdefault("QueueUrl", self._url)
        answer = None if self._boto3_is_next else self._call_by_libcurl(operation, parameters)
        if answer is None:
            answer = self._routes.client.call(methodcaller(xform_name(operation), **parameters))
            self._boto3_is_next = False
        if not isinstance(answer, dict):  # boto3's, of JSON that is no object
            raise ValueError("SQS sent an empty answer")  # noqa: TRY004 - it is an answer that cannot be read
        return answer

    def _call_by_libcurl(self, operation: str, parameters: Mapping[str, Any]) -> Any:
        """Call by libcurl; None if that failed. If it took long, the call has failed, and boto3 makes the next."""
        if self._connections is None:
            return None
        begun, answer = self._clock(), _Answer()
        try:
            request = self._routes.find(operation, parameters)
        except (BotoCoreError, ClientError, ValueError):
            return None
        if request is None:
            return None
        if self._connections.send(request, answer):
            return answer.parse()
        if self._clock() - begun > self._patience:
            self._boto3_is_next = True
            raise ConnectionClosedError(endpoint_url=request.place)
        return None


class SqsRoutes(Routes["SQSClient"]):
    """The client of SQS, and how to POST its calls: as JSON. Thread-safe."""

    service = "sqs"
    signs = "content-type;host;x-amz-target;x-amzn-query-mode"

    def find(self, operation: str, parameters: Mapping[str, Any]) -> Request | None:
        """Return how to call; None if only boto3 can. Raises botocore's errors and ValueError."""
        route = self._find("", "receive_message", {"QueueUrl": "any"})  # all queues have the same
        if not route.scope or self._credentials is None:
            return None
        headers = ("Content-Type: application/x-amz-json-1.0", f"X-Amz-Target: AmazonSQS.{operation}")
        by, data = self._credentials.get_frozen_credentials(), json.dumps(parameters).encode()
        return Request(route.url, route.url, route.scope, by, headers, data)


class _Answer:
    """An answer while it arrives."""

    def begin(self, fields: Mapping[str, str]) -> None:
        self._fields, self._body = fields, bytearray()

    def add(self, piece: bytes) -> None:
        self._body += piece
        if len(self._body) > MOST_BYTES:
            raise ValueError(f"SQS sent more than {MOST_BYTES} bytes")

    def parse(self) -> dict[str, Any]:
        """Return the answer as boto3 does. Raises ValueError if it is no JSON object."""
        try:
            return {**json.loads(self._body), "ResponseMetadata": {"HTTPHeaders": self._fields}}
        except (TypeError, RecursionError) as error:
            raise ValueError(f"SQS sent no JSON object: {error}") from error
