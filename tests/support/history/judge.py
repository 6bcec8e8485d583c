"""Judges the history of a run: names everything that must not have happened. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from tests.support.history import answers
from tests.support.history.events import Emptied, Event, Life, Published, Put, Read, lives
from worker.errors import ObjectGoneError
from worker.messages import PhotoId, S3Object
from worker.result import Result, SourceObject
from worker.results.known import may_pass

PATIENCE = 5.0  # seconds that a reader may wait for a result that is stored
NULL = "null"  # S3's version of whatever a bucket without versioning has: it names no content


def judge(
    events: Collection[Event], *, dead: Collection[PhotoId] = (), patience: float = PATIENCE
) -> list[str]:
    """Name each broken promise with its photo. `dead`: photos that are dead letters, and have no result due."""
    lived = lives(events)
    emptied = [event.at for event in events if isinstance(event, Emptied)]
    return [
        f"{_name(photo)}: {complaint}"
        for photo, life in lived.items()
        for complaint in (
            *_in_order(life, emptied),
            *_last(life, photo in dead),
            *_readers(life, emptied, patience),
            *_owners(life, lived),
            *answers.complaints(life),
        )
    ]


def _in_order(life: Life, emptied: Sequence[float]) -> Iterator[str]:
    """Every result is of a PUT, none of an earlier one than the result before, none is there twice."""
    asked = [*(event.at for event in life.asked), *(event.at for event in life.sent)]
    if life.published and (not asked or life.published[0].at < min(asked)):
        yield "it has a result that nobody asked for"
    yield from _by_http(life, emptied)
    stored: tuple[int, Published] | None = None  # number of its PUT
    for one in life.published:
        if stored and any(stored[1].at <= moment <= one.at for moment in emptied):
            stored = None
        if one.result.source.via == "http":
            continue
        before, known = stored, [(n, put) for n, put in enumerate(life.puts) if put.at <= one.at]
        numbers = _puts_of(one.result.source, known)
        if numbers:
            least = before[0] if before else 0
            stored = min((n for n in numbers if n >= least), default=numbers[-1]), one
            if before:
                yield from _compare(before, stored)
        elif not _is_gone(one.result):
            yield f"a result of content that nobody put there: {one.result.source}"
        if before and _is_gone(one.result) and before[1].result.error is None and before[0] == len(known) - 1:
            yield "object_gone replaced the score of what was put there last"


def _by_http(life: Life, emptied: Sequence[float]) -> Iterator[str]:
    """A result by HTTP is of bytes that were sent, and replaces one of these or a failure that may pass."""
    for before, one in zip([None, *life.published], life.published, strict=False):
        source = one.result.source
        if source.via == "http" and source.sha256 not in {s.sha256 for s in life.sent if s.at <= one.at}:
            yield f"a result of bytes that nobody sent: {source}"
        if before is None or any(before.at <= moment <= one.at for moment in emptied):
            continue
        old = before.result
        is_same = source.sha256 is not None and source.sha256 == old.source.sha256
        if "http" not in {source.via, old.source.via}:
            continue
        is_named = bool(old.source.etag or old.source.version_id)
        if not is_same and source.via == "http" and is_named and not may_pass(old):
            yield f"by HTTP the result of other bytes was replaced: {old.source}"
        if is_same and old.models == one.result.models and old.error in {None, one.result.error}:
            yield "the result of the same bytes was published twice, once for each way"
        if is_same and any(_is_older(one.result.models.get(name), v) for name, v in old.models.items()):
            yield f"models went back from {old.models} to {one.result.models}"


def _compare(before: tuple[int, Published], after: tuple[int, Published]) -> Iterator[str]:
    (old_number, old), (number, new) = before, after
    if _is_gone(old.result):  # it may be back, and older versions may still be there
        return
    if number < old_number:
        yield f"the result of PUT {old_number + 1} was replaced by that of PUT {number + 1}"
    elif number == old_number:
        if any(_is_older(new.result.models.get(name), than) for name, than in old.result.models.items()):
            yield f"models went back from {old.result.models} to {new.result.models}"
        if old.result.models == new.result.models:
            yield f"the result of PUT {number + 1} was published twice"


def _last(life: Life, is_dead: bool) -> Iterator[str]:
    """The last result is of the last PUT. What was deleted meanwhile could perhaps not be read."""
    if is_dead or not life.puts:
        return
    last = life.published[-1].result if life.published else None
    deleted = bool(life.deletes) and life.deletes[-1].at >= life.puts[-1].at
    if last is None:
        yield "it has no result"
    elif not deleted and not _is_of(last.source, life.puts[-1]):
        yield f"its last result is not of its last PUT, {life.puts[-1].object}, but of {last.source}"


def _is_of(source: SourceObject, put: Put) -> bool:
    """Whether a result is of a PUT, or of the same bytes that came by HTTP."""
    is_same = source.via == "http" and source.sha256 is not None and source.sha256 == put.object.sha256
    return is_same or bool(_puts_of(source, [(0, put)]))


def _readers(life: Life, emptied: Sequence[float], patience: float) -> Iterator[str]:
    """Nobody waits for what is stored, or is given anything else than what was stored at some time since."""
    for read in life.reads:
        since = max((moment for moment in emptied if moment <= read.at), default=-1.0)
        there = [one for one in life.published if since < one.at <= read.at]
        waited = read.at - max(there[0].at, read.begun) if there else 0.0
        if waited > patience:
            yield f"somebody waited {waited:.1f} s for a result that was stored, and got {_short(read.found)}"
        if read.found is not None:
            yield from _given(read, life.published)


def _given(read: Read, published: Sequence[Published]) -> Iterator[str]:
    numbers = [n for n, one in enumerate(published) if one.result == read.found]
    at_begin = [n for n, one in enumerate(published) if one.at < read.begun]
    if not numbers:
        yield f"somebody was given a result that was never published: {_short(read.found)}"
    elif at_begin and numbers[-1] < at_begin[-1]:
        yield "somebody was given a result that had been replaced before"


def _owners(life: Life, lived: Mapping[PhotoId, Life]) -> Iterator[str]:
    owner = life.photo.owner
    given = [*(one.found for one in life.reads), *(one.found for one in life.answers)]
    results = [*(one.result for one in life.published), *filter(None, given)]
    for result in results:
        if (result.owner or "") != owner:
            yield f"it was given a result of {result.owner!r}"
        for image_id in _named(result):
            if not any(PhotoId(image_id, owner) == other for other in lived) and any(
                image_id == other.image_id for other in lived
            ):
                yield f"its result names {image_id}, a photo of another owner"


def _puts_of(source: SourceObject | S3Object, puts: Iterable[tuple[int, Put]]) -> list[int]:
    """Numbers of the PUTs with this content: of this version, or else with this ETag."""
    same = [(n, p.object) for n, p in puts if (p.object.bucket, p.object.key) == (source.bucket, source.key)]
    version = None if source.version_id == NULL else source.version_id
    by_version = [n for n, put in same if version and put.version_id == version]
    return by_version or [n for n, put in same if source.etag and put.etag == source.etag]


def _named(result: Result) -> Iterator[str]:
    if result.duplicate_of:
        yield result.duplicate_of.image_id
    if result.reused_from:
        yield result.reused_from


def _is_gone(result: Result) -> bool:
    return result.error is not None and result.error.code == ObjectGoneError.code


def _is_older(version: str | None, than: str) -> bool:
    return version is not None and version.isdecimal() and than.isdecimal() and int(version) < int(than)


def _short(result: Result | None) -> str:
    return f"{result.status} of {result.source.etag}" if result else "nothing"


def _name(photo: PhotoId) -> str:
    return f"{photo.owner}/{photo.image_id}" if photo.owner else photo.image_id
