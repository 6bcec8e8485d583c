"""Results as a worker writes them, with only what a test is about."""

from typing import Any

from worker.result import Fault, Result, SourceObject


def make_result(
    image_id: str = "one",
    *,
    code: str = "",
    models: str | dict[str, str] = "1",
    image_hash: str | None = None,
    image_colours: str | None = None,
    owner: str | None = None,
    **source: Any,
) -> Result:
    """Make a result without a score, `failed` if there is a `code`. `models` may be the version of one model."""
    s3_object = {"bucket": "b", "key": "k", "etag": "e", "version_id": None, "sequencer": None, **source}
    return Result(
        image_id=image_id,
        owner=owner,
        status="failed" if code else "scored",
        score=None,
        score_mean=None,
        inference={},
        image_hash=image_hash,
        image_colours=image_colours,
        source=SourceObject(**s3_object),
        models={"m": models} if isinstance(models, str) else models,
        timings_ms={},
        error=Fault(code=code, message="") if code else None,
        scored_at="2026-01-01T00:00:00.000Z",
    )


def another_try(one: Result) -> Result:
    """The same result from another worker, or of another receive."""
    return one.model_copy(update={"timings_ms": {"wait": 1.0}})
