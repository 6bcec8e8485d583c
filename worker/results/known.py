"""Decides whether a stored result makes scoring unnecessary. Pure.

Events arrive at least once and in any order.
"""

from collections.abc import Mapping

from worker.errors import ObjectGoneError
from worker.messages import S3Object
from worker.result import Result, SourceObject


def makes_needless(stored: Result, event: S3Object, models: Mapping[str, str]) -> bool:
    """Whether scoring the event's object again would add nothing.

    True for the same content scored by the same or newer models, and for an older event. The
    script adapters/redis/lua/rules.lua applies the same rule; a test compares the two.
    """
    source = stored.source
    if not _same_object(source, event):
        return False
    if is_older(event.sequencer, source.sequencer):
        return True
    # An object that was gone may be back.
    gone = stored.error is not None and stored.error.code == ObjectGoneError.code
    return _are_as_new(stored.models, models) and not gone and _same_content(source, event)


def is_unordered(stored: Result, event: S3Object) -> bool:
    """Whether nothing tells which event of one object is the later: one has no sequencer.

    Direct requests have none. Then the object in the bucket counts, not what the event says.
    """
    source = stored.source
    return _same_object(source, event) and not (source.sequencer and event.sequencer)


def content(source: SourceObject | S3Object) -> str:
    """Name the bytes by their version, else by their ETag. Empty when neither is known."""
    return source.version_id or source.etag or ""


def is_older(sequencer: str | None, than: str | None) -> bool:
    """Compare the sequencers of two events of one key. An unknown one is never older.

    Pad the shorter hex string with zeros on the right, then compare as text.
    Source: Amazon S3 user guide, "Event message structure".
    """
    if not sequencer or not than:
        return False
    width = max(len(sequencer), len(than))
    return sequencer.upper().ljust(width, "0") < than.upper().ljust(width, "0")


def _are_as_new(stored: Mapping[str, str], models: Mapping[str, str]) -> bool:
    """Whether the models (name → version) of a stored result are the same as these, or newer.

    During a roll-out old and new versions both serve. No result may fall back to the older one.
    """
    return stored.keys() == models.keys() and all(
        version == stored[name] or (_number(stored[name]) > _number(version) >= 0)
        for name, version in models.items()
    )


def _number(version: str) -> int:
    """Read a version. -1 if it is not a number: it is neither older nor newer than any other."""
    return int(version) if version.isascii() and version.isdecimal() else -1


def _same_object(source: SourceObject, event: S3Object) -> bool:
    return (source.bucket, source.key) == (event.bucket, event.key)


def _same_content(source: SourceObject, event: S3Object) -> bool:
    if source.version_id and event.version_id:
        return source.version_id == event.version_id
    return source.etag is not None and source.etag == event.etag
