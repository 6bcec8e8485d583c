"""S3: photos in, never more bytes than allowed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from worker.errors import ConfigurationError, ObjectGoneError, StorageError, TooManyBytesError
from worker.messages import Fetched, S3Object

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# The last: that version is a delete marker. A bare 404 is not among them: a proxy's hiccup must not lose a photo.
_GONE = {"NoSuchKey", "NoSuchVersion", "MethodNotAllowed"}


def client(connections: int) -> "S3Client":
    """Make a client with short time-outs and bounded retries; region, endpoint and credentials are boto3's own.

    At an endpoint that is not AWS's, as LocalStack or MinIO, buckets have no host names of their own.
    """
    elsewhere = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    config = Config(
        connect_timeout=3,
        read_timeout=10,
        retries={"mode": "adaptive", "total_max_attempts": 4},
        max_pool_connections=connections,
        s3={"addressing_style": "path" if elsewhere else "auto"},
    )
    with configured():
        return boto3.client("s3", config=config)


@contextmanager
def configured() -> Iterator[None]:
    """Turn what boto3 says of a missing region or a wrong profile into a ConfigurationError."""
    try:
        yield
    except (BotoCoreError, ValueError) as error:
        raise ConfigurationError(f"the AWS configuration does not fit: {error}") from None


class Photos:
    """Reads photos from buckets, and puts them there."""

    def __init__(self, s3: "S3Client") -> None:
        self._s3 = s3

    def check(self, bucket: str) -> None:
        """Raise ConfigurationError unless the bucket can be reached."""
        try:
            self._s3.head_bucket(Bucket=bucket)
        except (BotoCoreError, ClientError) as error:
            raise ConfigurationError(f"the bucket {bucket!r} cannot be reached: {_reason(error)}") from None

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """Store an object, as the API does. Raises StorageError."""
        try:
            self._s3.put_object(Bucket=bucket, Key=key, Body=data)
        except (BotoCoreError, ClientError) as error:
            raise StorageError(f"the photo cannot be stored in {bucket!r}: {_reason(error)}") from error

    def fetch(self, wanted: S3Object, max_bytes: int) -> Fetched:
        """Read an object, of the version announced where there is one. Raises PhotoError or StorageError."""
        version: Any = {"VersionId": wanted.version_id} if wanted.version_id else {}
        try:
            answer = self._s3.get_object(Bucket=wanted.bucket, Key=wanted.key, **version)
            with answer["Body"] as body:
                promised = answer.get("ContentLength", 0)
                if promised > max_bytes:
                    raise TooManyBytesError(f"{promised} bytes are more than {max_bytes}")
                data = body.read(max_bytes + 1)
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                raise ObjectGoneError(f"s3://{wanted.bucket}/{wanted.key} is not there") from None
            raise StorageError(_reason(error)) from error
        # ValueError and KeyError: botocore could not read the headers of the answer.
        except (BotoCoreError, HTTPError, OSError, ValueError, KeyError) as error:
            raise StorageError(_reason(error)) from error
        if len(data) > max_bytes:
            raise TooManyBytesError(f"more than {max_bytes} bytes came")
        if len(data) < promised:
            raise StorageError(f"{len(data)} of {promised} bytes came")
        return Fetched(data, answer.get("ETag", "").strip('"') or None, answer.get("VersionId"))


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
