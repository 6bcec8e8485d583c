"""Tests of what names the content of an object, and of what was read for an event."""

import pytest

from worker.messages import Fetched, S3Object
from worker.result import SourceObject
from worker.results.content import identify, is_same_content, is_same_place


def named(version_id: str | None, etag: str | None) -> S3Object:
    return S3Object("b", "k", version_id, etag)


SAME = [
    (named("v", "e"), named("v", "f")),
    (named("v", "e"), named(None, "e")),
    (named("v", "e"), named("null", "e")),
    (named("null", "e"), named("null", "e")),
]
OTHER = [
    (named("v", "e"), named("w", "e")),
    (named("null", "e"), named("null", "f")),
    (named("null", None), named("null", None)),
    (named(None, None), named(None, None)),
]


@pytest.mark.parametrize(("pair", "expected"), [(p, True) for p in SAME] + [(p, False) for p in OTHER])
def test_versions_tell_content_apart_and_etags_where_there_are_none(
    pair: tuple[S3Object, S3Object], expected: bool
) -> None:
    one, other = pair
    assert is_same_content(one, other) is is_same_content(other, one) is expected


def test_a_result_has_no_version_where_s3_names_none() -> None:
    source = {"bucket": "b", "key": "k", "etag": "e", "sequencer": None}
    assert SourceObject.model_validate({**source, "version_id": "null"}).version_id is None
    assert SourceObject.model_validate(named("null", "e")).version_id is None
    assert SourceObject.model_validate({**source, "version_id": "v"}).version_id == "v"


EVENT = S3Object("b", "k", "null", "e", 7, "0A")
VERSIONED = S3Object("b", "k", "v", "e", 7, "0A")


@pytest.mark.parametrize(("etag", "sequencer"), [("e", "0A"), ("f", None)])
def test_only_bytes_that_were_announced_have_the_events_sequencer(etag: str, sequencer: str | None) -> None:
    read = identify(Fetched((), etag, None, "abc"), EVENT)
    assert (read.etag, read.sequencer, read.sha256) == (etag, sequencer, "abc")


@pytest.mark.parametrize(
    ("event", "version", "sequencer"),
    [(VERSIONED, "v", "0A"), (VERSIONED, "w", None), (EVENT, "null", None), (EVENT, None, None)],
)
def test_the_newest_bytes_may_have_been_put_once_more_since_the_event_unless_their_version_says_no(
    event: S3Object, version: str | None, sequencer: str | None
) -> None:
    read = identify(Fetched((), "e", version, "abc"), S3Object("b", "k"), event)
    assert (read.etag, read.version_id, read.sequencer) == ("e", version, sequencer)


def test_bytes_that_s3_does_not_name_are_what_was_asked_for() -> None:
    asked = S3Object("b", "k", "v", None, None, "0A")
    assert identify(Fetched(()), asked) == asked
    assert identify(Fetched(()), S3Object("b", "k"), asked) == S3Object("b", "k")


def test_a_photo_without_any_name_for_its_content_keeps_its_events_sequencer() -> None:
    asked = S3Object("b", "k", sequencer="1")
    assert identify(Fetched((), sha256="abc"), asked) == S3Object("b", "k", sequencer="1", sha256="abc")


@pytest.mark.parametrize(
    ("stored", "same"),
    [
        (S3Object("b", "k"), True),
        (S3Object("b", "k", via="http"), True),
        (S3Object("", "", via="http"), True),
        (S3Object("", ""), False),
        (S3Object("b", "another", via="http"), False),
        (S3Object("another", "k"), False),
    ],
    ids=["there", "by HTTP", "by HTTP, stored nowhere", "nowhere", "another key", "another bucket"],
)
def test_only_what_came_by_http_and_was_stored_nowhere_is_in_any_place(stored: S3Object, same: bool) -> None:
    assert is_same_place(stored, S3Object("b", "k")) is same
