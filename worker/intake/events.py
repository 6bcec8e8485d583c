"""SQS body → what it announces. Pure.

A body has one of five shapes: S3 event notification, s3:TestEvent, either of them in an SNS envelope,
EventBridge "Object Created", and this project's direct request. Unknown fields are ignored, and minor
versions may grow. Another major version, or anything else, is an UnknownBodyError for a person to
look at.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

from worker.errors import ForeignBucketError, NoImageIdError, NotOursError, UnknownBodyError
from worker.messages import PhotoId, S3Object
from worker.results.redis_keys import NAME

MAX_BODY = 1_048_576  # characters; SQS's own limit is 1 MiB
MAX_DEPTH = 32  # nested objects and lists; the deepest known shape has 7
MAX_KEY_BYTES = 1024  # S3's own limit
SAFE_NAME = re.compile(NAME)
SHOWN = 80  # characters of a stranger's text in a reason; a body may be 256 KB, a log line must not
_HEX = re.compile(r"[0-9A-Fa-f]{1,64}")

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Announced:
    """A photo was uploaded. `image_id` is set only if the sender named one."""

    object: S3Object
    uploaded_at: datetime | None
    image_id: str | None = None

    def photo(self, buckets: Collection[str], pattern: re.Pattern[str]) -> PhotoId:
        """Name the photo. Raises ForeignBucketError and NoImageIdError."""
        if self.object.bucket not in buckets:
            raise ForeignBucketError(f"the bucket {self.object.bucket!r} is not in WORKER_BUCKETS")
        return photo_id(self.object.key, pattern, self.image_id)


@dataclass(frozen=True, slots=True)
class Ignored:
    """A well-formed event that is no upload. It is acknowledged, never scored."""

    what: str


Record = Announced | Ignored | NotOursError


def read(body: str) -> list[Record]:
    """Read a message's body: at least one record. A record that cannot be read is returned as its error."""
    try:
        return _read_fields(_json_object(body), enveloped=False)
    except NotOursError as error:
        return [error]


def photo_id(key: str, pattern: re.Pattern[str], sent: str | None = None) -> PhotoId:
    """Name the photo of a key by the `sent` id, or by the pattern's groups `image_id` and `owner`.

    Raises NoImageIdError, also for names with characters that have a meaning in a Redis key.
    """
    match = pattern.search(key)
    image_id = sent if sent is not None else match["image_id"] if match else None
    if image_id is None:
        raise NoImageIdError(f"the key {key!r} names no image id")
    if "owner" not in pattern.groupindex:
        return safe_id(image_id)
    if match is None or not match["owner"]:
        raise NoImageIdError(f"the key {key!r} names no owner")
    return safe_id(image_id, match["owner"])


def safe_id(image_id: str, owner: str = "") -> PhotoId:
    """Name a photo. Raises NoImageIdError for names that could reach into other keys of Redis."""
    for name, what in ((image_id, "image id"), (owner or image_id, "owner")):
        if not SAFE_NAME.fullmatch(name):
            raise NoImageIdError(
                f"{_excerpt(name)} is no {what}: letters, digits, '.', '_' and '-', 128 at most"
            )
    return PhotoId(image_id, owner)


def _json_object(text: str) -> Fields:
    if len(text) > MAX_BODY:
        raise UnknownBodyError(f"the body has {len(text)} characters; SQS allows {MAX_BODY}")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:  # Python itself bounds the depth while it reads
        raise UnknownBodyError(f"the body is not JSON: {error}") from None
    if text.count("{") + text.count("[") > MAX_DEPTH:  # else it cannot be that deep
        _check_depth(value)
    return _fields(value, "the body")


def _check_depth(value: Any) -> None:
    """Check level by level, without recursion: deep nesting must not exhaust anybody's stack."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    raise UnknownBodyError(f"the body is nested deeper than {MAX_DEPTH} levels")


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _read_fields(fields: Fields, *, enveloped: bool) -> list[Record]:
    if isinstance(fields.get("Records"), list) and fields["Records"]:
        return [_read_or_error(_notification, record) for record in fields["Records"]]
    if fields.get("Event") == "s3:TestEvent":
        return [Ignored("s3:TestEvent")]
    if fields.get("Type") == "Notification" and "Message" in fields and not enveloped:
        return _read_fields(_json_object(_text(fields, "Message")), enveloped=True)
    if fields.get("source") == "aws.s3" and "detail-type" in fields:
        return [_eventbridge(fields)]
    if isinstance(fields.get("bucket"), str) and isinstance(fields.get("key"), str):
        return [_direct_request(fields)]
    names = ", ".join(_excerpt(name) for name in sorted(fields)[:8])
    raise UnknownBodyError(f"the body is of no known shape; its fields are: {names or 'none'}")


def _read_or_error(read_one: Callable[[Any], Record], value: object) -> Record:
    """Read one record. One that cannot be read must not cost its neighbours."""
    try:
        return read_one(value)
    except NotOursError as error:
        return error


def _notification(value: object) -> Record:
    record = _fields(value, "a record")
    source, version = record.get("eventSource"), str(record.get("eventVersion", ""))
    if not (isinstance(source, str) and source.endswith(":s3")):  # aws:s3, minio:s3
        raise UnknownBodyError(f"a record comes from {_excerpt(source)}, not from S3")
    if version.partition(".")[0] != "2":
        raise UnknownBodyError(f"a record has event version {_excerpt(version)}; 2.x is understood")
    name = _text(record, "eventName").removeprefix("s3:")
    if not name.startswith("ObjectCreated:"):
        return Ignored(name[:SHOWN])
    s3 = _fields(record.get("s3"), "s3")
    bucket, stored = _fields(s3.get("bucket"), "s3.bucket"), _fields(s3.get("object"), "s3.object")
    key = unquote_plus(_text(stored, "key"), errors="surrogateescape")
    return Announced(_object(_text(bucket, "name"), key, stored), _time(record.get("eventTime")))


def _eventbridge(fields: Fields) -> Record:
    kind = _text(fields, "detail-type")
    if kind != "Object Created":
        return Ignored(kind[:SHOWN])
    detail = _fields(fields.get("detail"), "detail")
    bucket, stored = (
        _fields(detail.get("bucket"), "detail.bucket"),
        _fields(detail.get("object"), "detail.object"),
    )
    # This key is not encoded, unlike a notification's.
    return Announced(_object(_text(bucket, "name"), _text(stored, "key"), stored), _time(fields.get("time")))


def _direct_request(fields: Fields) -> Record:
    announced_id = fields.get("image_id")
    if announced_id is not None and not isinstance(announced_id, str):
        raise UnknownBodyError("image_id is not a string")
    stored = _object(fields["bucket"], fields["key"], fields)
    return Announced(stored, _time(fields.get("uploaded_at")), announced_id)


def _object(bucket: str, key: str, fields: Fields) -> S3Object:
    version_id = _optional(fields, "versionId", "version-id", "version_id")
    etag = (_optional(fields, "eTag", "etag") or "").strip('"') or None
    try:
        length = len(key.encode())
        f"{bucket}{version_id}{etag}".encode()  # JSON can hold half a surrogate pair; S3 and Redis cannot
    except UnicodeEncodeError:
        raise UnknownBodyError("the object's name or version is not valid UTF-8") from None
    if not bucket or not 0 < length <= MAX_KEY_BYTES:
        raise UnknownBodyError(f"bucket {_excerpt(bucket)} with a key of {length} bytes is no S3 object")
    size, sequencer = fields.get("size"), _optional(fields, "sequencer")
    return S3Object(
        bucket=bucket,
        key=key,
        version_id=version_id,
        etag=etag,
        size=size if type(size) is int and size >= 0 else None,
        sequencer=sequencer if sequencer and _HEX.fullmatch(sequencer) else None,
    )


def _excerpt(value: object) -> str:
    return repr(value[:SHOWN] if isinstance(value, str) else value)[: 2 * SHOWN]


def _fields(value: object, name: str) -> Fields:
    if not isinstance(value, dict):
        raise UnknownBodyError(f"{name} is not a JSON object")
    return value


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise UnknownBodyError(f"{name} is missing or not a string")
    return value


def _optional(fields: Fields, *names: str) -> str | None:
    return next((fields[name] for name in names if isinstance(fields.get(name), str) and fields[name]), None)


def _time(value: object) -> datetime | None:
    """Read a time. AWS sends ISO times with `Z`; emulators omit the `Z` or send Unix seconds."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        pass  # an unreadable time is unknown: it only feeds timings, and no photo is lost for it
    return None
