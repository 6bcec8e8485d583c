"""boto3 clients with time-outs and bounded retries, made anew when their credentials have expired.

A task role's credentials are renewed by boto3 itself. Those of a file or of the environment are read once a session: a
client would go on with the old ones for ever.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, CredentialRetrievalError, NoCredentialsError

from worker.errors import ConfigurationError

C = TypeVar("C")
T = TypeVar("T")

# Error codes of S3 and SQS which say that other credentials may be accepted.
EXPIRED = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "RequestExpired",
    "UnrecognizedClientException",
}


class Client(Generic[C]):
    """A boto3 client that is replaced by one of a new session when its credentials are refused; thread-safe."""

    def __init__(self, make: Callable[[], C]) -> None:
        """Make the first client. Raises ConfigurationError when region or profile are missing or wrong."""
        self._make = make
        self._lock = threading.Lock()
        with configured():
            self._client = make()

    def call(self, use: Callable[[C], T]) -> T:
        """Use the client; once more with new credentials when the old ones were refused. Raises botocore's errors."""
        client = self._client
        try:
            return use(client)
        except (ClientError, NoCredentialsError, CredentialRetrievalError) as error:
            if isinstance(error, ClientError) and error_code(error) not in EXPIRED:
                raise
        return use(self._renewed(client))

    def _renewed(self, refused: C) -> C:
        with self._lock:
            if self._client is refused:  # else another thread was faster
                self._client = self._make()
            return self._client


def session_client(service: Any, *, connect: float, read: float, attempts: int, **options: Any) -> Any:
    """Make a client of a session of its own; region, endpoint and credentials are boto3's. Times in seconds."""
    config = Config(
        connect_timeout=connect,
        read_timeout=read,
        # Not "adaptive": its rate limit makes threads queue up for long after a throttling has ceased.
        retries={"mode": "standard", "total_max_attempts": attempts},
        **options,
    )
    return boto3.Session().client(service, config=config)


def is_elsewhere() -> bool:
    """Whether S3 is not AWS's but LocalStack's or MinIO's: there, buckets have no host names of their own."""
    return bool(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"))


@contextmanager
def configured() -> Iterator[None]:
    """Turn what boto3 says of a missing region or a wrong profile into a ConfigurationError."""
    try:
        yield
    except (BotoCoreError, ValueError) as error:
        raise ConfigurationError(f"the AWS configuration does not fit: {error}") from None


def error_code(error: ClientError) -> str:
    """Give the code of an answer that is an error."""
    return error.response.get("Error", {}).get("Code", "")


def reason(error: Exception) -> str:
    """Say what went wrong, for a log line."""
    return f"{type(error).__name__}: {error}"
