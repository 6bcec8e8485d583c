"""The rules by which write.lua takes or refuses a result, in Python: tests hold the script and simulations to them."""

from worker.errors import ObjectGoneError
from worker.messages import Answer, S3Object
from worker.result import Result, SourceObject
from worker.results.content import by_http, content, is_same_bytes, is_same_content, is_same_place
from worker.results.known import are_as_new, is_older, is_unordered, may_pass, state


def answer_to(stored: Result | None, new: Result, seen: str) -> Answer:
    """What becomes of a result, where `seen` is the state that was stored when its photo was looked up."""
    if stored is None:
        return Answer.WRITTEN
    same = is_same_content(stored.source, new.source)
    is_its = is_same_place(stored.source, new.source) or (by_http(stored.source, new.source) and same)
    if is_its and _is_needless(stored, new):
        return Answer.KNOWN
    if new.source.via == "http":  # nobody replaces other content that could be read
        is_kept = content(stored.source) and not same and not may_pass(stored)
        return Answer.OVERTAKEN if is_kept else Answer.WRITTEN
    return Answer.OVERTAKEN if is_overtaken(stored, _event(new), seen) else Answer.WRITTEN


def as_written(stored: Result | None, new: Result) -> Result:
    """What is stored once a result is written: one that came by HTTP keeps the object of the same bytes."""
    if (
        stored
        and new.source.via == "http"
        and stored.source.bucket
        and is_same_bytes(stored.source, new.source)
    ):
        return new.model_copy(update={"source": stored.source})
    return new


def in_order(stored: Result, event: S3Object | SourceObject, *, surely: bool = False) -> Result:
    """A stored result of an event's content has the sequencer of the later of both events.

    One without a sequencer gets one only if it is surely from before the event.
    """
    source = stored.source
    is_later = is_older(source.sequencer, event.sequencer) or (surely and not source.sequencer)
    if not is_later or not is_same_content(source, event) or not is_same_place(source, event):
        return stored
    later = source.model_copy(update={"sequencer": event.sequencer})
    return stored.model_copy(update={"source": later})


def is_overtaken(stored: Result, scored: S3Object, seen: str) -> bool:
    """Whether other content was stored since `seen`, so that `scored` may be the older one."""
    other = content(stored.source) != content(scored) and not is_same_bytes(stored.source, scored)
    unknown = stored.error is not None and content(stored.source) == ""
    return other and state(stored) != seen and not unknown and is_unordered(stored, scored)


def _is_needless(stored: Result, new: Result) -> bool:
    """Whether the stored result is as good as the new one, or better."""
    if is_older(new.source.sequencer, stored.source.sequencer):
        return True
    if new.error and _adds_nothing(stored, new):
        return True
    is_better = stored.error is not None and new.error is None
    return (
        not is_better
        and not may_pass(stored)
        and are_as_new(stored.models, new.models)
        and is_same_content(stored.source, new.source)
    )


def _adds_nothing(stored: Result, failed: Result) -> bool:
    """A failure never takes the place of a score of the same content, nor of a failure that says as much."""
    is_newer = is_older(stored.source.sequencer, failed.source.sequencer)
    unknown = content(failed.source) == "" and not is_newer
    if not unknown and not is_same_content(stored.source, failed.source):
        return False
    return stored.error is None or _code(failed) in {_code(stored), ObjectGoneError.code}


def _code(result: Result) -> str | None:
    return result.error.code if result.error else None


def _event(result: Result) -> S3Object:
    return S3Object(**result.source.model_dump())
