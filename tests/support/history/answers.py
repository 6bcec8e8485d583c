"""Judges the answers to requests by HTTP: each accepted one has exactly one, of its own bytes, as stored. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence

from tests.support.history.events import Answered, Life, Published
from worker.result import Result


def complaints(life: Life) -> Iterator[str]:
    """Name what is wrong with the answers to one photo's requests."""
    given = Counter(one.request for one in life.answers)
    sent = {one.request: one for one in life.sent}
    broken = {one.request for one in life.broken}
    for request in sent.keys() - given.keys() - broken:
        yield f"request {request} was accepted and never answered"
    for request, times in given.items():
        if times > 1:
            yield f"request {request} was answered {times} times"
        if request not in sent:
            yield f"request {request} was answered, but never accepted"
    for one in life.answers:
        if one.found is not None and one.request in sent:
            if one.found.source.sha256 != sent[one.request].sha256:
                yield f"request {one.request} was given the result of other bytes"
            if not _is_stored(one, life.published):
                yield f"request {one.request} was given what was not stored then: {one.found.source}"


def _is_stored(answer: Answered, published: Sequence[Published]) -> bool:
    """Whether a request was given what the store had then. An event may have renewed the sequencer."""
    since = answer.at if answer.begun is None else answer.begun
    before = [one for one in published if one.at < since]
    # Those of its own write are of the same moment; a client may hear of a result before a recorder does.
    then = [one for one in published if one.at >= since and (one.at <= answer.at or answer.begun is not None)]
    stored = {_without_order(one.result) for one in (*before[-1:], *then)}
    return answer.found is not None and _without_order(answer.found) in stored


def _without_order(result: Result) -> str:
    source = result.source.model_copy(update={"sequencer": None})
    return result.model_copy(update={"source": source}).model_dump_json()
