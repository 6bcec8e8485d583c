"""Photos of the index as the store takes them: the n-th one's name, what is kept of it, its result."""

import uuid

from worker.messages import PhotoId
from worker.photos.hashes import PHASH
from worker.result import Result, SourceObject
from worker.results.look_alikes import Fingerprint


def photo(number: int) -> PhotoId:
    """Name the n-th photo."""
    return PhotoId(str(uuid.UUID(int=number << 64 | number)))


def fingerprint(number: int, bits: int) -> Fingerprint:
    """Give what the index keeps of it."""
    return Fingerprint(f"{number:064x}", f"{PHASH.label}:{bits:016x}")


def result(number: int, bits: int) -> Result:
    """Give a result of it as large as the worker's own without scores."""
    known = fingerprint(number, bits)
    source = SourceObject(
        bucket="photos",
        key="uploads/some.jpg",
        etag="e",
        version_id=None,
        sequencer=None,
        sha256=known.sha256,
    )
    return Result(
        image_id=photo(number).image_id,
        status="unrecognised",
        score=None,
        score_mean=None,
        image_hash=known.image_hash,
        source=source,
        models={"reference": "1"},
        timings_ms={"total": 50.0},
        scored_at="2026-01-01T00:00:00.000Z",
    )
