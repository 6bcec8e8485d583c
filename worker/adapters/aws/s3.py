"""S3: reads photos, never more bytes than allowed, and stores them.

boto3's `get_object` holds Python's lock for most of a millisecond, which delays the other threads
and the calls to the GPU. So boto3 only signs a URL, and urllib3 (which boto3 brings along) fetches
it. If that does not succeed at once, boto3 takes over: it knows retries, redirects, renewed
credentials and what the errors mean.
"""

import base64
import hashlib
import urllib.request
from collections.abc import Callable, Iterator, MutableSequence
from contextlib import closing
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import urllib3
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import get_cert_path
from urllib3.exceptions import HTTPError

from worker.adapters.aws.clients import error_code, raise_as, s3_client
from worker.adapters.aws.s3_errors import fault_of
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

PIECE = 256 * 1024  # bytes read at a time, at most
CONNECT, READ = 3, 8  # seconds
ATTEMPTS = 2  # of boto3, after the signed URL failed
RETRY_PAUSE = 1  # seconds that boto3 waits between two attempts, at most
SIGNED_FOR = 300  # seconds; allows for a clock that is wrong by that much
DOWNLOAD_TIMEOUT = 30.0  # seconds for a whole photo; no read and no call begins after them
LONGEST_CALL = ATTEMPTS * (CONNECT + READ) + RETRY_PAUSE  # seconds between two signs of life of a fetch
LONGEST_FETCH = DOWNLOAD_TIMEOUT + LONGEST_CALL  # seconds
OK = 200
OCCUPIED = {
    "PreconditionFailed",
    "ConditionalRequestConflict",
}  # of a PUT where an object is, or just arrives

Read1 = Callable[[int], bytes]  # reads what has arrived, and waits only if that is nothing


def make_pool(connections: int) -> urllib3.PoolManager | None:
    """Make a connection pool; None if a proxy is configured, which only boto3 can use."""
    if urllib.request.getproxies():
        return None
    bundle = botocore.session.Session().get_config_variable("ca_bundle")
    timeout = urllib3.Timeout(connect=CONNECT, read=READ)
    certificates = bundle or get_cert_path(True)
    return urllib3.PoolManager(maxsize=connections, timeout=timeout, retries=False, ca_certs=certificates)


class Photos:
    """Photos in S3. Thread-safe."""

    def __init__(self, connections: int, clock: Callable[[], float]) -> None:
        """Do not connect yet. Raises ConfigurationError for a wrong region or profile."""
        self._s3 = s3_client(connect=CONNECT, read=READ, attempts=ATTEMPTS, max_pool_connections=connections)
        self._pool = make_pool(connections)
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
        return S3Object(bucket, key, answer.get("VersionId"), _unquote(answer.get("ETag")), len(data))

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
            return Fetched(pieces, _unquote(answer.get("ETag")), answer.get("VersionId"), photo.sha256)
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
        body = _Body(max_bytes, self._clock, alive)
        try:
            return self._fetch_by_url(target, body) or self._fetch_by_boto3(target, body)
        except ClientError as error:
            raise fault_of(error, _name(target)) from error
        # ValueError and KeyError: botocore could not parse the answer's headers.
        except (BotoCoreError, HTTPError, OSError, ValueError, KeyError) as error:
            raise StorageError(reason(error)) from error

    def _check_path(self, key: str) -> None:
        """Refuse a key that a proxy would change: for one of plain HTTP, boto3 sends whole URLs without dots."""
        if self._pool is not None or {".", ".."}.isdisjoint(key.split("/")):
            return
        if self._s3.call(lambda s3: s3.meta.endpoint_url).startswith("http:"):
            raise ObjectRefusedError(f"{key!r} cannot be read through a proxy: use HTTPS, or another key")

    def _fetch_by_url(self, target: dict[str, str], body: "_Body") -> Fetched | None:
        """Read by a signed URL; None if that failed. Errors are dropped: they contain the URL."""
        if self._pool is None:
            return None
        try:
            url = self._s3.call(lambda s3: s3.generate_presigned_url("get_object", target, SIGNED_FOR))
            with closing(_get(self._pool, url)) as answer:
                if answer.status != OK:
                    return None
                size = int(answer.headers.get("Content-Length", 0))
                read1 = partial(answer.read1, decode_content=False)
                headers = answer.headers
                return body.read(read1, size, headers.get("ETag"), headers.get("x-amz-version-id"))
        except (BotoCoreError, ClientError, HTTPError, OSError, ValueError):
            return None

    def _fetch_by_boto3(self, target: Any, body: "_Body") -> Fetched:
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
            size = answer.get("ContentLength", 0)
            return body.read(read1, size, answer.get("ETag"), answer.get("VersionId"))

    def _identity(self, target: Any) -> tuple[str | None, str | None]:
        """Ask for the ETag and version of an archived object, which the refusal to read it does not name."""
        try:
            head: Any = self._s3.call(lambda s3: s3.head_object(**target))
        except ClientError:  # refused too: then what was announced names it
            return None, None
        return _unquote(head.get("ETag")), head.get("VersionId")


class _Body:
    """Reads the body of one photo, by one deadline for all attempts: a body that trickles ends too."""

    def __init__(self, max_bytes: int, clock: Callable[[], float], alive: Callable[[], None]) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._alive = alive
        self._deadline = clock() + DOWNLOAD_TIMEOUT

    def check_time(self) -> None:
        """Raise StorageError once the time is over. Otherwise show that the thread does not hang."""
        if self._clock() > self._deadline:
            raise StorageError(f"the photo was not received in {DOWNLOAD_TIMEOUT:.0f} s")
        self._alive()

    def read(self, read1: Read1, expected: int, etag: str | None, version_id: str | None) -> Fetched:
        """Read a body of so many bytes, up to the limit and the deadline."""
        etag = _unquote(etag)
        try:
            pieces, sha256 = self._read(read1, expected)
        except TooManyBytesError as error:
            raise error.of(etag, version_id) from None
        return Fetched(pieces, etag, version_id, sha256)

    def _read(self, read1: Read1, expected: int) -> tuple[list[bytes], str]:
        """Return the pieces and their SHA-256 in hex."""
        if expected > self._max_bytes:
            raise TooManyBytesError(f"{expected} bytes are more than the {self._max_bytes} allowed")
        pieces, size = list[bytes](), 0
        digest = hashlib.sha256()  # computed while the next bytes arrive
        self.check_time()
        while piece := read1(min(PIECE, self._max_bytes + 1 - size)):
            pieces.append(piece)
            digest.update(piece)
            size += len(piece)
            if size > self._max_bytes:
                raise TooManyBytesError(f"received more than the {self._max_bytes} bytes allowed")
            self.check_time()
        if size < expected:
            raise StorageError(f"received {size} of {expected} bytes")
        return pieces, digest.hexdigest()


def _get(pool: urllib3.PoolManager, url: str) -> urllib3.BaseHTTPResponse:
    """Ask for exactly this URL. The pool's own `request` removes `.` and `..` from paths.

    S3 knows no such segments: they are a part of the key, and without them it is another key, which
    may even be in another bucket.
    """
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}"
    return pool.connection_from_url(url).urlopen("GET", target, redirect=False, preload_content=False)


def _name(target: Any) -> str:
    return f"s3://{target['Bucket']}/{target['Key']}"


def _unquote(etag: str | None) -> str | None:
    return (etag or "").strip('"') or None
