"""Photos of the index in the form that the store takes: id, index entry, result."""

import uuid

from worker.messages import PhotoId
from worker.photos import looks
from worker.photos.hashes import PHASH
from worker.result import Result, SourceObject
from worker.results.look_alikes import Fingerprint

# Of all photos: so the colours are compared wherever two hashes are near, and never decide.
COLOURS = f"{looks.LABEL}:{'88' * looks.SIDE**2}"


def photo(number: int) -> PhotoId:
    """Return the id of the n-th photo."""
    return PhotoId(str(uuid.UUID(int=number << 64 | number)))


def fingerprint(number: int, bits: int) -> Fingerprint:
    """Return what the index keeps of a photo."""
    return Fingerprint(f"{number:064x}", f"{PHASH.label}:{bits:016x}", COLOURS)


def result(number: int, bits: int) -> Result:
    """Make a result as large as the worker's, without scores."""
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
        inference={},
        image_hash=known.image_hash,
        image_colours=known.image_colours,
        source=source,
        models={"reference": "1"},
        timings_ms={"total": 50.0},
        scored_at="2026-01-01T00:00:00.000Z",
    )
