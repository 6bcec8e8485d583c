"""Tests of when a stored result makes scoring unnecessary: same object and models, or an older event."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.results import make_result
from worker.errors import ObjectGoneError, UnreadableImageError
from worker.messages import S3Object
from worker.result import Result
from worker.results.known import are_as_new, is_older, makes_needless, puts_again, state, to_fetch

MODELS = {"m": "1"}
result_of = partial(make_result, sequencer="10")
event_of = partial(S3Object, bucket="b", key="k", etag="e", sequencer="10")

NEEDLESS = {
    "redelivered": (result_of(), event_of()),
    "stored without sequencer": (result_of(sequencer=None), event_of()),
    "event without sequencer": (result_of(), event_of(sequencer=None)),
    "same version": (result_of(version_id="v1"), event_of(version_id="v1")),
    "same version, no etag": (result_of(version_id="v1"), event_of(version_id="v1", etag=None)),
    "same etag, event without version": (result_of(version_id="v1"), event_of()),
    "same etag, result without version": (result_of(), event_of(version_id="v1")),
    "same bytes uploaded again": (result_of(), event_of(sequencer="11")),
    "unreadable before": (result_of(code=UnreadableImageError.code), event_of()),
    "older event of other content": (result_of(), event_of(etag="two", sequencer="0F")),
    "older event, other models": (result_of(models={"other": "7"}), event_of(etag="two", sequencer="0F")),
    "older event of an object then gone": (result_of(code=ObjectGoneError.code), event_of(sequencer="0F")),
    "notification after a direct request": (
        result_of(version_id="v1", sequencer=None),
        event_of(version_id="v1"),
    ),
    "direct request after a notification": (
        result_of(version_id="v1"),
        event_of(version_id="v1", sequencer=None),
    ),
    "scored by a newer model": (result_of(models="10"), event_of()),
    "scored by a model of many digits": (result_of(models="9" * 5000), event_of()),
    "the same, with versioning suspended": (result_of(), event_of(version_id="null")),
}


@pytest.mark.parametrize(("stored", "event"), NEEDLESS.values(), ids=NEEDLESS.keys())
def test_scoring_is_needless(stored: Result, event: S3Object) -> None:
    assert makes_needless(stored, event, MODELS)


NEEDED = {
    "another bucket": (result_of(), event_of(bucket="others")),
    "another key": (result_of(), event_of(key="b/a.jpg")),
    "older, but of another key": (result_of(), event_of(key="b/a.jpg", sequencer="0F")),
    "newer content": (result_of(), event_of(etag="two", sequencer="11")),
    "other content, order unknown": (result_of(sequencer=None), event_of(etag="two", sequencer="0F")),
    "other content without sequencer": (result_of(), event_of(etag="two", sequencer=None)),
    "neither content is known": (result_of(etag=None), event_of(etag=None)),
    "content of the event unknown": (result_of(), event_of(etag=None)),
    "another version of the same bytes": (result_of(version_id="v1"), event_of(version_id="v2")),
    "an older model": (result_of(models="0"), event_of()),
    "the same model under another name": (result_of(models="01"), event_of()),
    "other content, with versioning suspended": (
        result_of(version_id="null"),
        event_of(etag="two", version_id="null", sequencer="11"),
    ),
    "a version without versioning, of unknown content": (
        result_of(etag=None, version_id="null"),
        event_of(etag=None, version_id="null"),
    ),
    "a model whose version is not a number": (result_of(models="next"), event_of()),
    "one model fewer": (result_of(models={"m": "1", "second": "1"}), event_of()),
    "gone then, maybe back now": (result_of(code=ObjectGoneError.code), event_of()),
    "late notification after a direct request for other bytes": (
        result_of(etag="two", sequencer=None),
        event_of(sequencer="0F"),
    ),
    "late direct request after one for other bytes": (
        result_of(etag="two", sequencer=None),
        event_of(sequencer=None),
    ),
    "late notification after a direct request for another version": (
        result_of(version_id="v2", sequencer=None),
        event_of(version_id="v1", sequencer="0F"),
    ),
}


@pytest.mark.parametrize(("stored", "event"), NEEDED.values(), ids=NEEDED.keys())
def test_scoring_is_needed(stored: Result, event: S3Object) -> None:
    assert not makes_needless(stored, event, MODELS)


VERSIONS = st.from_regex(r"[0-9]{1,25}", fullmatch=True)


@given(VERSIONS, VERSIONS)
def test_versions_of_models_are_compared_as_numbers(one: str, other: str) -> None:
    assert are_as_new({"m": one}, {"m": other}) == (one == other or int(one) > int(other))


EXACT = ("9007199254740993", "9007199254740992")  # 2^53 + 1 and 2^53


@pytest.mark.parametrize(
    ("newer", "older"), [EXACT, ("9" * 5000, "9"), ("010", "9"), ("10", "0009"), ("90", "10"), ("1", "0")]
)
def test_versions_beyond_exact_numbers_are_compared_too(newer: str, older: str) -> None:
    assert are_as_new({"m": newer}, {"m": older})
    assert not are_as_new({"m": older}, {"m": newer})


@pytest.mark.parametrize("etag", ["two", "e"])
@pytest.mark.parametrize("sequencers", [(None, None), ("10", None), (None, "10")])
def test_without_an_order_what_s3_has_now_is_read_whatever_the_event_says(
    sequencers: tuple[str, str], etag: str
) -> None:
    stored = result_of(sequencer=sequencers[0])
    event = event_of(etag=etag, version_id="v", size=7, sequencer=sequencers[1])
    assert to_fetch(stored, event) == S3Object("b", "k")


@pytest.mark.parametrize(("etag", "unordered"), [("two", True), ("e", False)])
def test_equal_sequencers_order_only_one_content(etag: str, unordered: bool) -> None:
    """LocalStack gives all events one sequencer."""
    event = event_of(etag=etag, sequencer="100", size=7)
    assert to_fetch(result_of(), event) == (S3Object("b", "k") if unordered else event)


@pytest.mark.parametrize("sequencer", ["11", "0F"])
def test_an_event_whose_place_is_known_names_what_is_read(sequencer: str) -> None:
    event = event_of(etag="two", version_id="v", size=7, sequencer=sequencer)
    assert to_fetch(result_of(), event) == event


WRITTEN = datetime(2026, 1, 1, tzinfo=UTC)  # when result_of() was
LATER = WRITTEN + timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("stored", "event", "uploaded_at", "again"),
    [
        (result_of(), event_of(sequencer="11"), WRITTEN, True),
        (result_of(), event_of(), LATER, False),
        (result_of(), event_of(sequencer="0F"), LATER, False),
        (result_of(), event_of(sequencer="11", etag="two"), LATER, False),
        (result_of(), event_of(sequencer=None), LATER, False),
        (result_of(sequencer=None), event_of(), LATER, True),
        (result_of(sequencer=None), event_of(), WRITTEN, False),
        (result_of(sequencer=None), event_of(), None, False),
        (result_of(sequencer=None), event_of(sequencer=None), LATER, False),
        (result_of(sequencer=None), event_of(etag="two"), LATER, False),
    ],
)
def test_the_stored_content_was_put_again_by_a_later_event_or_after_the_result(
    stored: Result, event: S3Object, uploaded_at: datetime | None, again: bool
) -> None:
    assert puts_again(stored, event, uploaded_at) is again


@pytest.mark.parametrize(("sequencer", "named"), [("10", "10"), (None, "")])
def test_a_result_is_named_by_its_moment_and_its_sequencer(sequencer: str | None, named: str) -> None:
    """As by Redis's rules."""
    assert state(result_of(sequencer=sequencer)) == f"2026-01-01T00:00:00.000Z {named}"


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("0055AED6DCD90281E5", "0055AED6DCD90281E6"),
        ("0055AED6DCD9", "0055AED6DCD90281E5"),
        ("0F", "1"),
        ("9", "A"),
        ("0a", "0B"),
    ],
)
def test_sequencers_are_padded_on_the_right_and_compared_as_text(older: str, newer: str) -> None:
    assert is_older(older, newer)
    assert not is_older(newer, older)


@pytest.mark.parametrize(("one", "other"), [("1", "1000"), ("ab", "AB"), ("0055AED6", "0055AED60")])
def test_sequencers_that_differ_in_padding_or_letter_case_are_equal(one: str, other: str) -> None:
    assert not is_older(one, other)
    assert not is_older(other, one)


@pytest.mark.parametrize("unknown", [None, ""])
def test_an_unknown_sequencer_is_never_older(unknown: str | None) -> None:
    assert not is_older(unknown, "10")
    assert not is_older("10", unknown)
    assert not is_older(unknown, unknown)


HEX = st.text("0123456789abcdefABCDEF", min_size=1, max_size=20)


@given(HEX, HEX)
def test_padded_sequencers_are_ordered_like_numbers(one: str, other: str) -> None:
    assert is_older(one, other) == (int(one.ljust(20, "0"), 16) < int(other.ljust(20, "0"), 16))
