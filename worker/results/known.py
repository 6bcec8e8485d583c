"""Decides whether a stored result makes scoring unnecessary. Pure.

Events arrive at least once and in any order.
"""

from collections.abc import Mapping
from datetime import datetime

from worker.errors import ObjectArchivedError, ObjectGoneError
from worker.messages import S3Object
from worker.result import Result, timestamp
from worker.results.content import is_same_content, is_same_place

PASSING = {ObjectGoneError.code, ObjectArchivedError.code}  # the object may be put back, or restored


def makes_needless(stored: Result, event: S3Object, models: Mapping[str, str]) -> bool:
    """Whether scoring the event's object again would add nothing.

    True for the same content scored by the same or newer models, and for an older event. What was
    scored all the same is compared once more when it is written: adapters/redis/lua/rules.lua.
    """
    source = stored.source
    if not is_same_place(source, event):
        return False
    if is_older(event.sequencer, source.sequencer):
        return True
    return are_as_new(stored.models, models) and not may_pass(stored) and is_same_content(source, event)


def may_pass(stored: Result) -> bool:
    """Whether a stored result is a failure that the same photo may not have another time."""
    return stored.error is not None and stored.error.code in PASSING


def state(stored: Result) -> str:
    """Name a stored result, and the last event that announced its content."""
    return f"{stored.scored_at} {stored.source.sequencer or ''}"


def is_unordered(stored: Result, event: S3Object) -> bool:
    """Whether nothing tells which event of one object is the later: their sequencers are no two.

    Direct requests have none, and emulators of S3 give all events the same. Then the object in the
    bucket counts, not what the event says.
    """
    source = stored.source
    one, other = source.sequencer, event.sequencer
    ordered = is_older(one, other) or is_older(other, one)
    same = bool(one and other) and is_same_content(source, event)
    return is_same_place(source, event) and not (ordered or same)


def puts_again(stored: Result, event: S3Object, uploaded_at: datetime | None) -> bool:
    """Whether an event tells that the stored content was put once more, perhaps after other content.

    Whoever still works on the other content must learn that it is the older one. Without a stored
    sequencer, a result that is younger than the upload has read what the upload left.
    """
    if not event.sequencer or not is_same_content(stored.source, event):
        return False
    if stored.source.sequencer:
        return is_older(stored.source.sequencer, event.sequencer)
    return is_put_after(stored, uploaded_at)


def is_put_after(stored: Result, uploaded_at: datetime | None) -> bool:
    """Whether an upload was begun after a result was written: then it is surely the later one."""
    return uploaded_at is not None and timestamp(uploaded_at) > stored.scored_at


def to_fetch(stored: Result, event: S3Object) -> S3Object:
    """Say what to read for an event: what it announces, or what S3 has now if it may be the older.

    Then nothing that the event says of its object stands for that one: no version, ETag or size.
    """
    return S3Object(event.bucket, event.key) if is_unordered(stored, event) else event


def is_older(sequencer: str | None, than: str | None) -> bool:
    """Compare the sequencers of two events of one key. An unknown one is never older.

    Pad the shorter hex string with zeros on the right, then compare as text.
    Source: Amazon S3 user guide, "Event message structure".
    """
    if not sequencer or not than:
        return False
    return sequencer.upper().ljust(len(than), "0") < than.upper()  # a longer text is the greater one anyway


def are_as_new(stored: Mapping[str, str], models: Mapping[str, str]) -> bool:
    """Whether the models (name → version) of a stored result are the same as these, or newer.

    During a roll-out old and new versions both serve. No result may fall back to the older one.
    """
    return stored.keys() == models.keys() and all(
        version == stored[name] or _is_newer(stored[name], version) for name, version in models.items()
    )


def _is_newer(version: str, than: str) -> bool:
    """Compare versions as decimal numbers of any length. Others are neither older nor newer than any.

    By length, then as text: Redis's Lua has no exact numbers beyond 2^53, Python reads none of
    thousands of digits.
    """
    if not all(one.isascii() and one.isdecimal() for one in (version, than)):
        return False
    digits, others = version.lstrip("0"), than.lstrip("0")
    return (len(digits), digits) > (len(others), others)
