"""Results of photos that no worker has written one for: they were refused before."""

from datetime import UTC, datetime

from worker.result import Fault, Result, SourceObject, timestamp


def failure(image_id: str, code: str, message: str) -> Result:
    """Make a `failed` result, as docs/contract.md describes it."""
    nowhere = SourceObject(bucket=None, key=None, etag=None, version_id=None, sequencer=None, via="http")
    return Result(
        image_id=image_id,
        status="failed",
        score=None,
        score_mean=None,
        inference={},
        image_hash=None,
        source=nowhere,
        models={},
        timings_ms={},
        error=Fault(code=code, message=message),
        scored_at=timestamp(datetime.now(UTC)),
    )
