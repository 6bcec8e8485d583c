"""Tells the content of objects apart, by their versions, else by their ETags. Pure."""

from dataclasses import replace

from worker.messages import Fetched, S3Object
from worker.result import SourceObject, real_version

Identity = SourceObject | S3Object


def content(source: Identity) -> str:
    """Name the bytes by their version, else by their ETag. Empty when neither is known."""
    return real_version(source.version_id) or source.etag or ""


def is_same_content(one: Identity, other: Identity) -> bool:
    """Whether two objects are known to be the same bytes: by these, for what came by HTTP."""
    if is_same_bytes(one, other):
        return True
    versions = real_version(one.version_id), real_version(other.version_id)
    if all(versions):
        return versions[0] == versions[1]
    return one.etag is not None and one.etag == other.etag


def by_http(one: Identity, other: Identity) -> bool:
    """Whether one of two objects came by HTTP. Then they may be one photo that came both ways."""
    return "http" in {one.via, other.via}


def is_same_bytes(one: Identity, other: Identity) -> bool:
    """Whether one photo came both ways, or twice by HTTP."""
    return by_http(one, other) and bool(one.sha256) and one.sha256 == other.sha256


def is_same_place(stored: Identity, other: Identity) -> bool:
    """Whether two objects have the same bucket and key.

    What was never in S3 stands for any place there, so that what S3 has counts.
    """
    if stored.via == "http" and not stored.bucket:
        return True
    return (stored.bucket or None, stored.key or None) == (other.bucket or None, other.key or None)


def identify(fetched: Fetched, wanted: S3Object, event: S3Object | None = None) -> S3Object:
    """Name the bytes that S3 gave for the object `wanted`, on an event that may have named another one.

    The object may have been overwritten since the event, even by the same bytes. Then nobody knows
    the sequencer of this content: with the event's it would seem older than it is. So where the
    newest content was read, only its version shows that it is what the event announced.
    """
    etag, version_id = fetched.etag or wanted.etag, fetched.version_id or wanted.version_id
    event = event or wanted
    version = real_version(version_id)
    is_announced = (version or etag or "") == content(event) and (wanted == event or bool(version))
    sequencer = event.sequencer if is_announced else None
    return replace(wanted, etag=etag, version_id=version_id, sha256=fetched.sha256, sequencer=sequencer)
