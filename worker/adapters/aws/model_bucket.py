"""S3: downloads and uploads models in pieces, with retries."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError, ProtocolError

from worker.adapters.aws.clients import Client, error_code, s3_client
from worker.errors import ConfigurationError, StorageError, reason

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

CONNECT, READ = 3, 20  # seconds
ATTEMPTS = 5  # of boto3, for each call
DOWNLOADS = 3  # attempts of a download that breaks off in the middle
PIECE = 256 * 1024  # bytes read at a time, at most
SLOWEST, PATIENCE = 1024 * 1024, 60.0  # so many bytes must arrive in so many seconds

_REFUSED = {"AccessDenied", "AllAccessDisabled", "NoSuchBucket", "InvalidBucketName", "403"}


class ModelBucket:
    """Models in S3.

    Thread-safe. Raises ConfigurationError if S3 refuses access, and StorageError.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock

    @cached_property
    def _s3(self) -> "Client[S3Client]":
        return s3_client(connect=CONNECT, read=READ, attempts=ATTEMPTS)

    def folders(self, bucket: str, prefix: str) -> list[str]:
        """Return the names of the folders directly below a prefix that ends with a slash."""
        with _translate_errors(f"s3://{bucket}/{prefix}"):
            pages = self._pages(bucket, prefix, "/")
            found = [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", [])]
            return [folder.removeprefix(prefix).rstrip("/") for folder in found]

    def sizes(self, bucket: str, prefix: str) -> Mapping[str, int]:
        """Return the size in bytes of each key."""
        with _translate_errors(f"s3://{bucket}/{prefix}"):
            pages = self._pages(bucket, prefix, "")
            return {one["Key"]: one["Size"] for page in pages for one in page.get("Contents", [])}

    def read(self, bucket: str, key: str, most: int) -> str | None:
        """Return a small text of up to `most` bytes, or None if it does not exist."""
        with _translate_errors(f"s3://{bucket}/{key}"):
            try:
                answer = self._s3.call(lambda s3: s3.get_object(Bucket=bucket, Key=key))
            except ClientError as error:
                if error_code(error) == "NoSuchKey":
                    return None
                raise
            return b"".join(self._pieces(answer["Body"], most)).decode(errors="replace")

    def download(self, bucket: str, key: str, path: Path, tell: Callable[[int], None]) -> None:
        """Download into a file. `tell` gets the number of new bytes, and may raise to give up."""
        with _translate_errors(f"s3://{bucket}/{key}"):
            for attempt in range(1, DOWNLOADS + 1):
                received = 0
                try:
                    for size in self._download_pieces(bucket, key, path):
                        received += size
                        tell(size)
                except (BotoCoreError, HTTPError):
                    if attempt == DOWNLOADS:
                        raise
                    tell(-received)
                else:
                    return

    def upload(self, path: Path, bucket: str, key: str) -> None:
        """Upload a file."""
        with _translate_errors(f"s3://{bucket}/{key}"):
            self._s3.call(lambda s3: _upload(s3, path, bucket, key))

    def _pages(self, bucket: str, prefix: str, delimiter: str) -> Any:
        options: Any = {"Bucket": bucket, "Prefix": prefix, "Delimiter": delimiter}
        return self._s3.call(lambda s3: list(s3.get_paginator("list_objects_v2").paginate(**options)))

    def _download_pieces(self, bucket: str, key: str, path: Path) -> Iterator[int]:
        """Write the object to a file; yields the size of each piece. urllib3 checks the total."""
        answer = self._s3.call(lambda s3: s3.get_object(Bucket=bucket, Key=key))
        with path.open("wb") as file:
            for piece in self._pieces(answer["Body"]):
                file.write(piece)
                yield len(piece)

    def _pieces(self, body: Any, most: float = math.inf) -> Iterator[bytes]:
        """Yield up to `most` bytes of a body as they arrive. Raises ProtocolError if they trickle."""
        size, mark, deadline = 0, SLOWEST, self._clock() + PATIENCE
        with body as stream:  # urllib3's response: boto3's own wrapper has no read1
            while piece := stream.read1(int(min(PIECE, most - size))):
                yield piece
                size += len(piece)
                if size >= mark:
                    mark, deadline = size + SLOWEST, self._clock() + PATIENCE
                elif self._clock() > deadline:
                    raise ProtocolError(f"less than {SLOWEST} bytes in {PATIENCE:.0f} s")


def _upload(s3: "S3Client", path: Path, bucket: str, key: str) -> None:
    """Upload a file, and raise what S3 answered: boto3 wraps that into an error of another kind."""
    try:
        s3.upload_file(str(path), bucket, key)
    except S3UploadFailedError as error:
        raise error.__context__ or error from None


@contextmanager
def _translate_errors(subject: str) -> Iterator[None]:
    """Raise ConfigurationError where a person must act, StorageError where a retry may help."""
    try:
        yield
    except (BotoCoreError, ClientError, HTTPError, OSError) as error:
        if isinstance(error, ClientError) and error_code(error) in _REFUSED:
            raise ConfigurationError(f"{subject}: {reason(error)}") from None
        if isinstance(error, OSError) and error.filename:  # of the local file, not of the network
            raise
        raise StorageError(f"{subject}: {reason(error)}") from error
