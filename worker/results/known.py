"""When a stored result makes scoring needless: events are delivered at least once, and in any order. Pure."""

from collections.abc import Mapping

from worker.errors import ObjectGoneError
from worker.messages import S3Object
from worker.result import Result, SourceObject


def makes_needless(stored: Result, announced: S3Object, models: Mapping[str, str]) -> bool:
    """Whether scoring `announced` would add nothing: the same object by models as new as these, or an older one.

    The script in adapters/redis/ that writes results applies the same rule; a test holds the two together.
    """
    source = stored.source
    if (source.bucket, source.key) != (announced.bucket, announced.key):
        return False
    if is_older(announced.sequencer, source.sequencer):
        return True
    gone = stored.error is not None and stored.error.code == ObjectGoneError.code  # it may have come back
    return are_as_new(stored.models, models) and not gone and _same_content(source, announced)


def are_as_new(stored: Mapping[str, str], models: Mapping[str, str]) -> bool:
    """Whether a result of the `stored` versions need not be made again by these, name → version.

    While a new version is rolled out both serve: no result may fall back to the older one.
    """
    if stored.keys() != models.keys():
        return False
    return all(
        version == stored[name] or (_number(stored[name]) > _number(version) >= 0)
        for name, version in models.items()
    )


def is_unordered(stored: Result, announced: S3Object) -> bool:
    """Whether nothing tells which of two events of one object is the later: a direct request has no sequencer.

    Then what lies in the bucket counts, not what the event names.
    """
    source = stored.source
    same = (source.bucket, source.key) == (announced.bucket, announced.key)
    return same and not (source.sequencer and announced.sequencer)


def content(source: SourceObject | S3Object) -> str:
    """Name the bytes: by their version where there is one, else by their ETag; empty when neither is known."""
    return source.version_id or source.etag or ""


def is_older(sequencer: str | None, than: str | None) -> bool:
    """Order two events of one key: pad the shorter hex string with zeros on the right, then compare as text.

    Source: Amazon S3 user guide, "Event message structure". Unknown is never older.
    """
    if not sequencer or not than:
        return False
    width = max(len(sequencer), len(than))
    return sequencer.upper().ljust(width, "0") < than.upper().ljust(width, "0")


def _number(version: str) -> int:
    """Versions are numbers; -1 for one that is none, and thus neither older nor newer than any."""
    return int(version) if version.isascii() and version.isdecimal() else -1


def _same_content(source: SourceObject, announced: S3Object) -> bool:
    if source.version_id and announced.version_id:
        return source.version_id == announced.version_id
    return source.etag is not None and source.etag == announced.etag
