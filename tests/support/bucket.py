"""A bucket in memory, never versioned, versioned or suspended, that announces each PUT in both ways."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support import bodies
from tests.support.fakes import ScriptedSource
from worker.errors import ObjectArchivedError, ObjectGoneError, TooManyBytesError
from worker.messages import Fetched, Upload


@dataclass(frozen=True)
class Put:
    """One object version, and how the API and S3 announce it."""

    key: str
    photo: bytes
    etag: str
    version_id: str | None
    sequencer: str

    def request(self, **fields: Any) -> str:
        """The API's direct request."""
        version = {"version_id": self.version_id} if self.version_id else {}
        return json.dumps(bodies.direct("photos", self.key, etag=self.etag, **version, **fields))

    def notification(self, at: str = "2026-01-01T00:00:00.000Z", **fields: Any) -> str:
        """S3's own event, and when it happened."""
        version = {"versionId": self.version_id} if self.version_id else {}
        stored = {"eTag": self.etag, "size": len(self.photo), "sequencer": self.sequencer, **version}
        body = bodies.notification("photos", self.key, **{**stored, **fields})
        body["Records"][0]["eventTime"] = at
        return json.dumps(body)


class BucketSource(ScriptedSource):
    """Gives a photo as S3 does: the version asked for, or the latest; one that is too large by its name only."""

    def __init__(self, versioning: str = "off") -> None:
        super().__init__()
        self.versioning = versioning  # off, on or suspended
        self.puts: list[Put] = []
        self.objects: dict[str, list[Put]] = {}  # by key, the latest last
        self.archived: set[str] = set()  # ETags of what S3 reads only once it is restored
        self.meanwhile_fetched: Callable[[], None] = lambda: None  # happens after the bytes were read

    def put(self, key: str, photo: bytes) -> Put:
        """Store a photo under a key."""
        number = len(self.puts) + 1
        version_id = {"off": None, "on": f"v{number}", "suspended": "null"}[self.versioning]
        put = Put(key, photo, _etag(photo), version_id, f"{number:04X}")
        others = [one for one in self.objects.get(key, []) if one.version_id != version_id]
        self.objects[key] = [*others, put]
        self.puts.append(put)
        return put

    def remove(self, key: str) -> None:
        """Delete an object with all its versions."""
        del self.objects[key]

    def fetch(self, upload: Upload, max_bytes: int, alive: Callable[[], None] = lambda: None) -> Fetched:
        wanted = upload.object
        self.fetched.append(wanted.key)
        found = [p for p in self.objects.get(wanted.key, []) if wanted.version_id in {None, p.version_id}]
        if not found:
            raise ObjectGoneError(f"{wanted.key} does not exist")
        put = found[-1]
        if put.etag in self.archived:
            raise ObjectArchivedError(f"{wanted.key} is archived").of(put.etag, put.version_id)
        if len(put.photo) > max_bytes:
            raise TooManyBytesError(f"{len(put.photo)} bytes").of(put.etag, put.version_id)
        self.meanwhile_fetched()
        return Fetched([put.photo], put.etag, put.version_id, hashlib.sha256(put.photo).hexdigest())


def _etag(photo: bytes) -> str:
    return hashlib.sha256(photo).hexdigest()[:32]
