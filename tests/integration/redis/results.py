"""Results to store, by what the duplicate rules compare, and the rights of the worker's Redis user."""

import hashlib
from typing import Any

from worker.adapters.redis.store import RedisStore
from worker.messages import Answer, PhotoId
from worker.result import DuplicateOf, Fault, Result, SourceObject

# What SECURITY.md tells operators to grant.
RIGHTS = (
    "resetkeys ~result:* ~seen* resetchannels &result:* -@all +ping +info +get +mget +set +append +del +expire +ttl "
    "+time +evalsha +script|load +publish +subscribe +unsubscribe +client|setinfo"
)


def result(image_id: str = "one", *, failed: str = "", models: str = "1", **source: Any) -> Result:
    where = {"bucket": "b", "key": "k", "etag": "e", "version_id": None, "sequencer": None, **source}
    return Result(
        image_id=image_id,
        status="failed" if failed else "scored",
        score=None,
        score_mean=None,
        image_hash=None,
        source=SourceObject(**where),
        models={"m": models},
        timings_ms={},
        error=Fault(code=failed, message="") if failed else None,
        scored_at="2026-01-01T00:00:00.000Z",
    )


def seen_as(image_id: str, content: str, image_hash: str | None, owner: str | None = None) -> Result:
    """A scored photo with these bytes and this hash."""
    plain = result(image_id, key=f"uploads/{image_id}", etag=content, sha256=sha256(content))
    return plain.model_copy(update={"image_hash": image_hash, "owner": owner})


def sha256(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def phash(bits: int) -> str:
    return f"phash-1:{bits:016x}"


def near(image_id: str, distance: int) -> DuplicateOf:
    return DuplicateOf(image_id=image_id, distance=distance, kind="near")


def write(store: RedisStore, one: Result) -> DuplicateOf | None:
    """Write a result; what it is said to be a duplicate of, which must also be what is stored."""
    (written,) = store.write([one], [""])
    assert written.answer is Answer.WRITTEN
    (stored,) = store.find([PhotoId(one.image_id, one.owner or "")])
    assert stored == one.model_copy(update={"duplicate_of": written.duplicate_of})
    return written.duplicate_of
