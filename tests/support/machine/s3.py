"""S3 for the state machine: one bucket without, with or with suspended versioning."""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from worker.errors import ObjectGoneError, StorageError, TooManyBytesError
from worker.messages import Fetched, S3Object

BUCKET = "photos"
NULL = "null"  # the version of what is put while versioning is off or suspended

Versioning = Literal["off", "on", "suspended"]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object; without data, a delete marker."""

    version_id: str
    data: bytes | None

    @property
    def etag(self) -> str:
        return hashlib.md5(self.data or b"", usedforsecurity=False).hexdigest()


class Bucket:
    """Objects by key, each with its versions, the current one last. `away`: every read fails."""

    def __init__(self) -> None:
        self.away = False
        self.versioning: Versioning = "off"
        self._objects: dict[str, list[Version]] = defaultdict(list)
        self._puts = 0

    def put(self, key: str, data: bytes) -> S3Object:
        """Store an object; what S3 announces of it."""
        self._puts += 1
        version = self._add(key, data)
        named = None if self.versioning == "off" else version.version_id
        return S3Object(BUCKET, key, named, version.etag, len(data), f"{self._puts:016X}")

    def delete(self, key: str) -> None:
        """Delete an object, as a call without a version does."""
        if self.versioning == "off":
            self._objects[key].clear()
        else:
            self._add(key, None)

    def fetch(self, photo: S3Object, max_bytes: int, alive: Callable[[], None] = lambda: None) -> Fetched:
        if self.away:
            raise StorageError("503")
        versions = self._objects[photo.key]
        wanted = [v for v in versions if photo.version_id in {None, v.version_id}]
        data = wanted[-1].data if wanted else None
        if data is None:
            raise ObjectGoneError("no such object")
        shown = None if self.versioning == "off" else wanted[-1].version_id
        if len(data) > max_bytes:
            raise TooManyBytesError(f"{len(data)} bytes").of(wanted[-1].etag, shown)
        return Fetched([data], wanted[-1].etag, shown, sha256=hashlib.sha256(data).hexdigest())

    def _add(self, key: str, data: bytes | None) -> Version:
        versions = self._objects[key]
        if self.versioning != "on":  # there is at most one null version
            versions[:] = [version for version in versions if version.version_id != NULL]
        versions.append(Version(f"v{len(versions)}-{self._puts}" if self.versioning == "on" else NULL, data))
        return versions[-1]
