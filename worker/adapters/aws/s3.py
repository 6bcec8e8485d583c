"""S3: reads photos, never more bytes than allowed, and stores them.

boto3's `get_object` holds Python's lock for most of a millisecond, which delays the other threads
and the calls to the GPU. So libcurl fetches. If that does not succeed at once, boto3 takes over: it
knows retries, redirects, renewed credentials and what the errors mean.
"""

import base64
from collections.abc import Callable, Iterator, MutableSequence
from datetime import datetime
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from worker.adapters.aws.clients import error_code, raise_as
from worker.adapters.aws.libcurl.connection import Limits
from worker.adapters.aws.libcurl.connections import Connections
from worker.adapters.aws.s3_body import DOWNLOAD_TIMEOUT, Body, unquote
from worker.adapters.aws.s3_errors import fault_of
from worker.adapters.aws.s3_routes import S3Routes, has_dots
from worker.errors import (
    ConfigurationError,
    ObjectArchivedError,
    ObjectRefusedError,
    OvertakenError,
    PhotoError,
    StorageError,
    TooManyBytesError,
    reason,
)
from worker.messages import Fetched, S3Object

CONNECT, READ = 3, 8  # seconds, until there is a connection and between two pieces
PIECE = 256 * 1024  # bytes read at a time, at most
ATTEMPTS = 2  # of boto3, after libcurl failed
RETRY_PAUSE = 1  # seconds that boto3 waits between two attempts, at most
LONGEST_CALL = ATTEMPTS * (CONNECT + READ) + RETRY_PAUSE  # seconds between two signs of life of a fetch
LONGEST_FETCH = DOWNLOAD_TIMEOUT + LONGEST_CALL  # seconds
OCCUPIED = {
    "PreconditionFailed",
    "ConditionalRequestConflict",
}  # of a PUT where an object is, or just arrives


class Photos:
    """Photos in S3. Thread-safe."""

    def __init__(self, connections: int, clock: Callable[[], float]) -> None:
        """Do not connect yet. Raises ConfigurationError for a wrong region or profile."""
        self._routes = S3Routes(
            connect=CONNECT, read=READ, attempts=ATTEMPTS, max_pool_connections=connections
        )
        self._s3 = self._routes.client
        self._connections = Connections.make(clock, Limits(CONNECT, READ))
        self._clock = clock

    def check(self, bucket: str) -> None:
        """Raise ConfigurationError unless the bucket can be reached."""
        with raise_as(ConfigurationError, f"the bucket {bucket!r} cannot be reached"):
            self._s3.call(lambda s3: s3.head_bucket(Bucket=bucket))

    def list(self, bucket: str) -> Iterator[tuple[S3Object, datetime]]:
        """Yield every object of a bucket, and when it was stored. Raises StorageError."""
        with raise_as(StorageError, f"the bucket {bucket!r} cannot be listed"):
            for page in self._s3.call(lambda s3: s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)):
                for stored in page.get("Contents", []):
                    yield S3Object(bucket, stored["Key"], size=stored["Size"]), stored["LastModified"]

    def put(self, bucket: str, key: str, data: bytes) -> S3Object:
        """Store a photo, as the API does; returns it with ETag and version. Raises StorageError."""
        with raise_as(StorageError, f"the photo cannot be stored in {bucket!r}"):
            answer = self._s3.call(lambda s3: s3.put_object(Bucket=bucket, Key=key, Body=data))
        return S3Object(bucket, key, answer.get("VersionId"), unquote(answer.get("ETag")), len(data))

    def put_once(self, photo: S3Object, pieces: MutableSequence[bytes]) -> Fetched:
        """Store a photo whose SHA-256 is known, unless it is there already.

        Joins the pieces. Raises OvertakenError if other bytes have its key, and StorageError.
        """
        pieces[:] = [b"".join(pieces)]
        checksum = base64.b64encode(bytes.fromhex(photo.sha256 or "")).decode()
        target: Any = {"Bucket": photo.bucket, "Key": photo.key}
        try:
            answer = self._s3.call(
                lambda s3: s3.put_object(**target, Body=pieces[0], ChecksumSHA256=checksum, IfNoneMatch="*")
            )
        except ClientError as error:
            if error_code(error) not in OCCUPIED:
                raise StorageError(f"{_name(target)} cannot be stored: {reason(error)}") from error
        except BotoCoreError as error:
            raise StorageError(f"{_name(target)} cannot be stored: {reason(error)}") from error
        else:
            return Fetched(pieces, unquote(answer.get("ETag")), answer.get("VersionId"), photo.sha256)
        return self._check_same(photo)

    def _check_same(self, photo: S3Object) -> Fetched:
        """Read what has a photo's key: the same bytes may have been stored by an earlier try."""
        try:
            there = self.fetch(photo, photo.size or 0)
        except TooManyBytesError:
            there = None
        except PhotoError as error:  # it was deleted meanwhile, perhaps
            raise StorageError(str(error)) from error
        if there is None or there.sha256 != photo.sha256:
            raise OvertakenError(f"s3://{photo.bucket}/{photo.key} has other bytes")
        return there

    def fetch(self, photo: S3Object, max_bytes: int, alive: Callable[[], None] = lambda: None) -> Fetched:
        """Read a photo, in its announced version if any, and call `alive` whenever bytes arrive.

        Raises PhotoError, ObjectRefusedError or StorageError.
        """
        self._check_path(photo.key)
        version: Any = {"VersionId": photo.version_id} if photo.version_id else {}
        target = {"Bucket": photo.bucket, "Key": photo.key, **version}
        body = Body(max_bytes, self._clock, alive)
        try:
            return self._fetch_by_curl(photo, body) or self._fetch_by_boto3(target, body)
        except ClientError as error:
            raise fault_of(error, _name(target)) from error
        # ValueError and KeyError: botocore could not parse the answer's headers.
        except (BotoCoreError, HTTPError, OSError, ValueError, KeyError) as error:
            raise StorageError(reason(error)) from error

    def _check_path(self, key: str) -> None:
        """Refuse a key that a proxy would change: for one of plain HTTP, boto3 sends whole URLs without dots."""
        if self._connections is not None or not has_dots(key):
            return
        if self._s3.call(lambda s3: s3.meta.endpoint_url).startswith("http:"):
            raise ObjectRefusedError(f"{key!r} cannot be read through a proxy: use HTTPS, or another key")

    def _fetch_by_curl(self, photo: S3Object, body: Body) -> Fetched | None:
        """Read by libcurl; None if that failed: boto3 finds out why."""
        if self._connections is None:
            return None
        try:
            request = self._routes.find(photo.bucket, photo.key, photo.version_id)
            return body.end() if request and self._connections.send(request, body) else None
        except (BotoCoreError, ClientError, ValueError):
            return None

    def _fetch_by_boto3(self, target: Any, body: Body) -> Fetched:
        body.check_time()
        try:
            answer: Any = self._s3.call(lambda s3: s3.get_object(**target))
        except ClientError as error:
            fault = fault_of(error, _name(target))
            if isinstance(fault, ObjectArchivedError):
                body.check_time()
                raise fault.of(*self._identity(target)) from error
            raise
        with answer["Body"] as stream:  # urllib3's response: boto3's own wrapper has no read1
            read1 = partial(stream.read1, decode_content=False)
            body.begin(answer["ResponseMetadata"]["HTTPHeaders"])
            while piece := read1(min(PIECE, body.room)):
                body.add(piece)
            return body.end()

    def _identity(self, target: Any) -> tuple[str | None, str | None]:
        """Ask for the ETag and version of an archived object, which the refusal to read it does not name."""
        try:
            head: Any = self._s3.call(lambda s3: s3.head_object(**target))
        except ClientError:  # refused too: then what was announced names it
            return None, None
        return unquote(head.get("ETag")), head.get("VersionId")


def _name(target: Any) -> str:
    return f"s3://{target['Bucket']}/{target['Key']}"
