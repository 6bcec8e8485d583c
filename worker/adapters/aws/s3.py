"""S3: photos in, never more bytes than allowed.

boto3's `get_object` holds Python's lock for most of a millisecond, which keeps the other threads and the device's
dispatch waiting. So boto3 only signs, and urllib3, which it brings along, fetches; what does not succeed at once is
left to boto3, which knows retries, redirects, renewed credentials and what an error means.
"""

import hashlib
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any

import botocore.session
import urllib3
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import get_cert_path
from urllib3.exceptions import HTTPError

from worker.adapters.aws.clients import Client, error_code, is_elsewhere, reason, session_client
from worker.errors import ConfigurationError, ObjectGoneError, StorageError, TooManyBytesError
from worker.messages import Fetched, S3Object

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# The last: that version is a delete marker. A bare 404 is not among them: a proxy's hiccup must not lose a photo.
_GONE = {"NoSuchKey", "NoSuchVersion", "MethodNotAllowed"}
CHUNK = 256 * 1024  # bytes read between two looks at the clock
CONNECT, READ = 3, 8  # seconds
OK = 200
ATTEMPTS = 2  # of boto3, after the quick one
SIGNED_FOR = 300  # seconds: a machine's clock may be wrong by so much


def client(connections: int) -> "Client[S3Client]":
    """Make a client with short time-outs and bounded retries. Raises ConfigurationError."""
    style = {"addressing_style": "path" if is_elsewhere() else "auto"}
    return Client(
        lambda: session_client(
            "s3",
            connect=CONNECT,
            read=READ,
            attempts=ATTEMPTS,
            max_pool_connections=connections,
            s3=style,
            signature_version="s3v4",  # else URLs for some regions are signed in the old way, which KMS refuses
        )
    )


def connections(most: int) -> urllib3.PoolManager | None:
    """Make a pool of kept connections; None where a proxy is to be used, which only boto3 knows how to."""
    if urllib.request.getproxies():
        return None
    bundle = botocore.session.Session().get_config_variable("ca_bundle")
    return urllib3.PoolManager(
        maxsize=most,
        timeout=urllib3.Timeout(connect=CONNECT, read=READ),
        retries=False,
        ca_certs=bundle or get_cert_path(True),
    )


class Photos:
    """Reads photos from buckets, and puts them there."""

    def __init__(
        self,
        s3: "Client[S3Client]",
        clock: Callable[[], float],
        pool: urllib3.PoolManager | None = None,
        patience: float = 30.0,
    ) -> None:
        """Without a `pool` boto3 fetches; `patience` is how many seconds a whole download may take."""
        self._s3 = s3
        self._pool = pool
        self._clock = clock
        self._patience = patience

    def check(self, bucket: str) -> None:
        """Raise ConfigurationError unless the bucket can be reached."""
        try:
            self._s3.call(lambda s3: s3.head_bucket(Bucket=bucket))
        except (BotoCoreError, ClientError) as error:
            raise ConfigurationError(f"the bucket {bucket!r} cannot be reached: {reason(error)}") from None

    def list(self, bucket: str) -> Iterator[tuple[S3Object, datetime]]:
        """Every object of a bucket, and when it was stored. Raises StorageError."""
        pages = self._s3.call(lambda s3: s3.get_paginator("list_objects_v2").paginate(Bucket=bucket))
        try:
            for page in pages:
                for stored in page.get("Contents", []):
                    yield S3Object(bucket, stored["Key"], size=stored["Size"]), stored["LastModified"]
        except (BotoCoreError, ClientError) as error:
            raise StorageError(f"the bucket {bucket!r} cannot be listed: {reason(error)}") from error

    def put(self, bucket: str, key: str, data: bytes) -> S3Object:
        """Store an object, as the API does; with the ETag and version it was given. Raises StorageError."""
        try:
            answer = self._s3.call(lambda s3: s3.put_object(Bucket=bucket, Key=key, Body=data))
        except (BotoCoreError, ClientError) as error:
            raise StorageError(f"the photo cannot be stored in {bucket!r}: {reason(error)}") from error
        etag = answer.get("ETag", "").strip('"') or None
        return S3Object(bucket, key, answer.get("VersionId"), etag, len(data))

    def fetch(self, wanted: S3Object, max_bytes: int) -> Fetched:
        """Read an object, of the version announced where there is one. Raises PhotoError or StorageError."""
        version: Any = {"VersionId": wanted.version_id} if wanted.version_id else {}
        which = {"Bucket": wanted.bucket, "Key": wanted.key, **version}
        try:
            return self._fetch_quickly(which, max_bytes) or self._fetch_by_boto3(which, max_bytes)
        except ClientError as error:
            if error_code(error) in _GONE:
                raise ObjectGoneError(f"s3://{wanted.bucket}/{wanted.key} is not there") from None
            raise StorageError(reason(error)) from error
        # ValueError and KeyError: botocore could not read the headers of the answer.
        except (BotoCoreError, HTTPError, OSError, ValueError, KeyError) as error:
            raise StorageError(reason(error)) from error

    def _fetch_quickly(self, which: dict[str, str], max_bytes: int) -> Fetched | None:
        """Read by a signed URL; None for anything but the object. Its errors would show the URL: they go no further."""
        if self._pool is None:
            return None
        try:
            url = self._s3.call(lambda s3: s3.generate_presigned_url("get_object", which, SIGNED_FOR))
            with closing(self._pool.request("GET", url, preload_content=False)) as answer:
                if answer.status != OK:
                    return None
                promised = int(answer.headers.get("Content-Length", 0))
                read = self._read(lambda most: answer.read(most, decode_content=False), promised, max_bytes)
                return _fetched(*read, answer.headers.get("ETag"), answer.headers.get("x-amz-version-id"))
        except (BotoCoreError, ClientError, HTTPError, OSError, ValueError):
            return None

    def _fetch_by_boto3(self, which: Any, max_bytes: int) -> Fetched:
        answer = self._s3.call(lambda s3: s3.get_object(**which))
        with answer["Body"] as body:
            read = self._read(body.read, answer.get("ContentLength", 0), max_bytes)
        return _fetched(*read, answer.get("ETag"), answer.get("VersionId"))

    def _read(self, read: Callable[[int], bytes], promised: int, max_bytes: int) -> tuple[bytes, str]:
        """Read a body of so many bytes, none beyond the limit, and not for ever; with its SHA-256 in hex."""
        if promised > max_bytes:
            raise TooManyBytesError(f"{promised} bytes are more than {max_bytes}")
        chunks, size, deadline = list[bytes](), 0, self._clock() + self._patience
        digest = hashlib.sha256()  # while the next bytes are on their way
        while chunk := read(min(CHUNK, max_bytes + 1 - size)):
            chunks.append(chunk)
            digest.update(chunk)
            size += len(chunk)
            if size > max_bytes:
                raise TooManyBytesError(f"more than {max_bytes} bytes came")
            if self._clock() > deadline:
                raise StorageError(f"{size} of {promised} bytes came in {self._patience:.0f} s")
        if size < promised:
            raise StorageError(f"{size} of {promised} bytes came")
        return chunks[0] if len(chunks) == 1 else b"".join(chunks), digest.hexdigest()


def _fetched(data: bytes, sha256: str, etag: str | None, version_id: str | None) -> Fetched:
    return Fetched(data, (etag or "").strip('"') or None, version_id, sha256)
