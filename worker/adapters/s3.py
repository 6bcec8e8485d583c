"""S3: photos in, never more bytes than allowed."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from worker.adapters.aws import Client, error_code, is_elsewhere, reason, session_client
from worker.errors import ConfigurationError, ObjectGoneError, StorageError, TooManyBytesError
from worker.messages import Fetched, S3Object

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# The last: that version is a delete marker. A bare 404 is not among them: a proxy's hiccup must not lose a photo.
_GONE = {"NoSuchKey", "NoSuchVersion", "MethodNotAllowed"}
CHUNK = 256 * 1024  # bytes read between two looks at the clock


def client(connections: int) -> "Client[S3Client]":
    """Make a client with short time-outs and bounded retries. Raises ConfigurationError."""
    style = {"addressing_style": "path" if is_elsewhere() else "auto"}
    return Client(
        lambda: session_client(
            "s3", connect=3, read=8, attempts=3, max_pool_connections=connections, s3=style
        )
    )


class Photos:
    """Reads photos from buckets, and puts them there."""

    def __init__(self, s3: "Client[S3Client]", clock: Callable[[], float], patience: float = 30.0) -> None:
        """`patience` is how many seconds a whole download may take."""
        self._s3 = s3
        self._clock = clock
        self._patience = patience

    def check(self, bucket: str) -> None:
        """Raise ConfigurationError unless the bucket can be reached."""
        try:
            self._s3.call(lambda s3: s3.head_bucket(Bucket=bucket))
        except (BotoCoreError, ClientError) as error:
            raise ConfigurationError(f"the bucket {bucket!r} cannot be reached: {reason(error)}") from None

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """Store an object, as the API does. Raises StorageError."""
        try:
            self._s3.call(lambda s3: s3.put_object(Bucket=bucket, Key=key, Body=data))
        except (BotoCoreError, ClientError) as error:
            raise StorageError(f"the photo cannot be stored in {bucket!r}: {reason(error)}") from error

    def fetch(self, wanted: S3Object, max_bytes: int) -> Fetched:
        """Read an object, of the version announced where there is one. Raises PhotoError or StorageError."""
        version: Any = {"VersionId": wanted.version_id} if wanted.version_id else {}
        try:
            answer = self._s3.call(lambda s3: s3.get_object(Bucket=wanted.bucket, Key=wanted.key, **version))
            promised = answer.get("ContentLength", 0)
            with answer["Body"] as body:
                data = self._read(body, promised, max_bytes)
        except ClientError as error:
            if error_code(error) in _GONE:
                raise ObjectGoneError(f"s3://{wanted.bucket}/{wanted.key} is not there") from None
            raise StorageError(reason(error)) from error
        # ValueError and KeyError: botocore could not read the headers of the answer.
        except (BotoCoreError, HTTPError, OSError, ValueError, KeyError) as error:
            raise StorageError(reason(error)) from error
        return Fetched(data, answer.get("ETag", "").strip('"') or None, answer.get("VersionId"))

    def _read(self, body: Any, promised: int, max_bytes: int) -> bytes:
        """Read a body of so many bytes, none beyond the limit, and not for ever."""
        if promised > max_bytes:
            raise TooManyBytesError(f"{promised} bytes are more than {max_bytes}")
        data, deadline = bytearray(), self._clock() + self._patience
        while chunk := body.read(min(CHUNK, max_bytes + 1 - len(data))):
            data += chunk
            if len(data) > max_bytes:
                raise TooManyBytesError(f"more than {max_bytes} bytes came")
            if self._clock() > deadline:
                raise StorageError(f"{len(data)} of {promised} bytes came in {self._patience:.0f} s")
        if len(data) < promised:
            raise StorageError(f"{len(data)} of {promised} bytes came")
        return bytes(data)
