"""S3: models up and down, in chunks, tried again where it may help."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from worker.adapters.aws.clients import Client, error_code, is_elsewhere, reason, session_client
from worker.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

CONNECT, READ = 3, 20  # seconds
ATTEMPTS = 5  # of boto3, for each call
BODIES = 3  # times a download is begun that breaks off in the middle
CHUNK = 1024 * 1024  # bytes

_FAILURES = (BotoCoreError, ClientError, HTTPError, OSError)
_REFUSED = {"AccessDenied", "AllAccessDisabled", "NoSuchBucket", "InvalidBucketName", "403"}


class ModelBucket:
    """Thread-safe; the client is made when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: Client[S3Client] | None = None

    def folders(self, bucket: str, prefix: str) -> list[str]:
        """Name what lies directly below a prefix that ends with a slash."""
        with _explained(f"s3://{bucket}/{prefix}"):
            pages = self._pages(bucket, prefix, "/")
            return [
                common["Prefix"].removeprefix(prefix).rstrip("/")
                for page in pages
                for common in page.get("CommonPrefixes", [])
            ]

    def sizes(self, bucket: str, prefix: str) -> Mapping[str, int]:
        """Bytes by key."""
        with _explained(f"s3://{bucket}/{prefix}"):
            pages = self._pages(bucket, prefix, "")
            return {one["Key"]: one["Size"] for page in pages for one in page.get("Contents", [])}

    def read(self, bucket: str, key: str, most: int) -> str | None:
        """Give a small text, or None where there is none."""
        with _explained(f"s3://{bucket}/{key}"):
            try:
                answer = self._s3.call(lambda s3: s3.get_object(Bucket=bucket, Key=key))
            except ClientError as error:
                if error_code(error) == "NoSuchKey":
                    return None
                raise
            with closing(answer["Body"]) as body:
                return str(body.read(most).decode(errors="replace"))

    def download(self, bucket: str, key: str, path: Path, tell: Callable[[int], None]) -> None:
        """Write an object into a file; `tell` is told how many bytes more have come, and may raise to give up."""
        with _explained(f"s3://{bucket}/{key}"):
            for attempt in range(1, BODIES + 1):
                came = 0
                try:
                    for chunk in self._chunks(bucket, key, path):
                        came += chunk
                        tell(chunk)
                except (BotoCoreError, HTTPError):
                    if attempt == BODIES:
                        raise
                    tell(-came)
                else:
                    return

    def upload(self, path: Path, bucket: str, key: str) -> None:
        """Store a file."""
        with _explained(f"s3://{bucket}/{key}"):
            self._s3.call(lambda s3: s3.upload_file(str(path), bucket, key))

    @property
    def _s3(self) -> "Client[S3Client]":
        with self._lock:
            self._client = self._client or _client()
            return self._client

    def _pages(self, bucket: str, prefix: str, delimiter: str) -> Any:
        return self._s3.call(
            lambda s3: list(
                s3.get_paginator("list_objects_v2").paginate(
                    Bucket=bucket, Prefix=prefix, Delimiter=delimiter
                )
            )
        )

    def _chunks(self, bucket: str, key: str, path: Path) -> Iterator[int]:
        """Write them; how many bytes each had. boto3 checks that as many came as were promised."""
        answer = self._s3.call(lambda s3: s3.get_object(Bucket=bucket, Key=key))
        with closing(answer["Body"]) as body, path.open("wb") as file:
            for chunk in body.iter_chunks(CHUNK):
                file.write(chunk)
                yield len(chunk)


def _client() -> "Client[S3Client]":
    style = {"addressing_style": "path" if is_elsewhere() else "auto"}
    return Client(
        lambda: session_client(
            "s3", connect=CONNECT, read=READ, attempts=ATTEMPTS, s3=style, signature_version="s3v4"
        )
    )


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn S3's errors into ours: what nobody but a person can mend, and what may be gone in a moment."""
    try:
        yield
    except _FAILURES as error:
        if isinstance(error, ClientError) and error_code(error) in _REFUSED:
            raise ConfigurationError(f"{what}: {reason(error)}") from None
        if isinstance(error, OSError) and error.filename:  # the file, not the network
            raise
        raise StorageError(f"{what}: {reason(error)}") from error
