"""boto3 clients with timeouts and bounded retries, replaced when their credentials have expired.

boto3 renews a task role's credentials by itself. It reads those of a file or of the environment
once per session, so a client would keep using the old ones for ever.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, CredentialRetrievalError, NoCredentialsError

from worker.errors import ConfigurationError, WorkerError, reason

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

C = TypeVar("C")
T = TypeVar("T")

# Error codes of S3 and SQS that other credentials may cure.
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
    """A boto3 client that is replaced when its credentials are refused. Thread-safe."""

    def __init__(self, make: Callable[[], C]) -> None:
        """Make the first client. Raises ConfigurationError for a wrong region or profile."""
        self._make = make
        self._lock = threading.Lock()
        try:
            self._client = make()
        except (BotoCoreError, ValueError) as error:
            raise ConfigurationError(f"the AWS configuration is not usable: {error}") from None

    def call(self, use: Callable[[C], T]) -> T:
        """Call `use` with the client; again with a new client if the credentials were refused.

        Raises botocore's errors.
        """
        client = self._client
        try:
            return use(client)
        except (ClientError, NoCredentialsError, CredentialRetrievalError) as error:
            if isinstance(error, ClientError) and error_code(error) not in EXPIRED:
                raise
        return use(self._replace(client))

    def _replace(self, refused: C) -> C:
        with self._lock:
            if self._client is refused:  # else another thread was faster
                self._client = self._make()
            return self._client


def sqs_client(**options: Any) -> "Client[SQSClient]":
    """Return a client of SQS; the options are those of make_client. Raises ConfigurationError."""
    return Client(partial(make_client, "sqs", **options))


def s3_client(**options: Any) -> "Client[S3Client]":
    """Return a client of S3; the options are those of make_client. Raises ConfigurationError."""
    return Client(partial(make_client, "s3", **s3_style(), **options))


def s3_style() -> dict[str, Any]:
    """Return how S3's clients address buckets and sign: options of make_client."""
    # LocalStack and MinIO have no host name per bucket.
    is_aws = not (os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"))
    style = {"addressing_style": "auto" if is_aws else "path"}
    # s3v4: botocore signs URLs of some regions with the old version otherwise, which KMS refuses.
    return {"s3": style, "signature_version": "s3v4"}


def make_client(
    service: Any,
    *,
    connect: float,
    read: float,
    attempts: int,
    session: boto3.Session | None = None,
    **options: Any,
) -> Any:
    """Make a boto3 client, and a session if none is given. `connect` and `read` are timeouts in seconds."""
    # Not "adaptive": its rate limit holds threads back long after throttling has ended.
    retries: Any = {"mode": "standard", "total_max_attempts": attempts}
    config = Config(connect_timeout=connect, read_timeout=read, retries=retries, **options)
    return (session or new_session()).client(service, config=config)


def new_session() -> boto3.Session:
    """Make a session. It takes AWS_REGION too, as AWS's other tools do; boto3 alone reads AWS_DEFAULT_REGION only."""
    return boto3.Session(region_name=os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION"))


@contextmanager
def raise_as(kind: type[WorkerError], subject: str = "") -> Iterator[None]:
    """Turn a failed call into an error of this kind; `subject` is what the message starts with."""
    try:
        yield
    except (BotoCoreError, ClientError, ValueError) as error:  # ValueError: an answer that cannot be parsed
        raise kind(f"{subject}: {reason(error)}" if subject else reason(error)) from error


def error_code(error: ClientError) -> str:
    """Return the error code of an answer."""
    return error.response.get("Error", {}).get("Code", "")


def parse_time(milliseconds: str | int | None) -> datetime | None:
    """Parse a timestamp of SQS, which may be missing."""
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC) if milliseconds else None
