"""When a stored result makes scoring needless: events are delivered at least once, and in any order. Pure."""

from worker.errors import ObjectGoneError
from worker.messages import S3Object
from worker.result import Result, SourceObject


def makes_needless(stored: Result, announced: S3Object, models: dict[str, str]) -> bool:
    """Whether scoring `announced` would add nothing: the same object by the same models, or an older one.

    The script in adapters/redis.py that writes results applies the same rule; a test holds the two together.
    """
    source = stored.source
    if (source.bucket, source.key) != (announced.bucket, announced.key):
        return False
    if is_older(announced.sequencer, source.sequencer):
        return True
    gone = stored.error is not None and stored.error.code == ObjectGoneError.code  # it may have come back
    return stored.models == models and not gone and _same_content(source, announced)


def is_older(sequencer: str | None, than: str | None) -> bool:
    """Order two events of one key: pad the shorter hex string with zeros on the right, then compare as text.

    Source: Amazon S3 user guide, "Event message structure". Unknown is never older.
    """
    if not sequencer or not than:
        return False
    width = max(len(sequencer), len(than))
    return sequencer.upper().ljust(width, "0") < than.upper().ljust(width, "0")


def _same_content(source: SourceObject, announced: S3Object) -> bool:
    if source.version_id and announced.version_id:
        return source.version_id == announced.version_id
    return source.etag is not None and source.etag == announced.etag
