"""When a stored result makes scoring needless: the same object by the same models, or an older event."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import ObjectGoneError, UnreadableImageError
from worker.messages import S3Object
from worker.result import Fault, Result, SourceObject
from worker.results.known import is_older, makes_needless

MODELS = {"reference": "1"}


def stored(
    *,
    bucket: str = "photos",
    etag: str | None = "one",
    version_id: str | None = None,
    sequencer: str | None = "10",
    models: dict[str, str] | None = None,
    code: str | None = None,
) -> Result:
    return Result(
        image_id="a",
        status="failed" if code else "scored",
        score=None if code else 4,
        score_mean=None if code else 4.0,
        image_hash=None,
        source=SourceObject(
            bucket=bucket, key="a.jpg", etag=etag, version_id=version_id, sequencer=sequencer
        ),
        models=models or MODELS,
        timings_ms={},
        error=Fault(code=code, message="") if code else None,
        scored_at="2026-01-01T00:00:00.000Z",
    )


def announced(
    *,
    bucket: str = "photos",
    key: str = "a.jpg",
    etag: str | None = "one",
    version_id: str | None = None,
    sequencer: str | None = "10",
) -> S3Object:
    return S3Object(bucket, key, version_id, etag, sequencer=sequencer)


@pytest.mark.parametrize(
    ("result", "event"),
    [
        (stored(), announced()),
        (stored(sequencer=None), announced()),
        (stored(), announced(sequencer=None)),
        (stored(version_id="v1"), announced(version_id="v1")),
        (stored(version_id="v1"), announced(version_id="v1", etag=None)),
        (stored(version_id="v1"), announced()),
        (stored(), announced(version_id="v1")),
        (stored(), announced(sequencer="11")),
        (stored(code=UnreadableImageError.code), announced()),
        (stored(), announced(etag="two", sequencer="0F")),
        (stored(models={"other": "7"}), announced(etag="two", sequencer="0F")),
        (stored(code=ObjectGoneError.code), announced(sequencer="0F")),
        (stored(version_id="v1", sequencer=None), announced(version_id="v1")),
        (stored(version_id="v1"), announced(version_id="v1", sequencer=None)),
        (stored(models={"reference": "10"}), announced()),
    ],
    ids=[
        "redelivered",
        "stored without sequencer",
        "announced without sequencer",
        "same version",
        "same version, no etag",
        "same etag, event without version",
        "same etag, result without version",
        "same bytes uploaded again",
        "known to be unreadable",
        "older event of other content",
        "older event, other models",
        "older event of an object then gone",
        "notification after a direct request",
        "direct request after a notification",
        "scored by a newer model",
    ],
)
def test_scoring_is_needless(result: Result, event: S3Object) -> None:
    assert makes_needless(result, event, MODELS)


@pytest.mark.parametrize(
    ("result", "event"),
    [
        (stored(), announced(bucket="others")),
        (stored(), announced(key="b/a.jpg")),
        (stored(), announced(key="b/a.jpg", sequencer="0F")),
        (stored(), announced(etag="two", sequencer="11")),
        (stored(sequencer=None), announced(etag="two", sequencer="0F")),
        (stored(), announced(etag="two", sequencer=None)),
        (stored(etag=None), announced(etag=None)),
        (stored(), announced(etag=None)),
        (stored(version_id="v1"), announced(version_id="v2")),
        (stored(models={"reference": "0"}), announced()),
        (stored(models={"reference": "next"}), announced()),
        (stored(models={"reference": "1", "second": "1"}), announced()),
        (stored(code=ObjectGoneError.code), announced()),
        (stored(etag="two", sequencer=None), announced(sequencer="0F")),
        (stored(etag="two", sequencer=None), announced(sequencer=None)),
        (stored(version_id="v2", sequencer=None), announced(version_id="v1", sequencer="0F")),
    ],
    ids=[
        "another bucket",
        "another key",
        "older, but of another key",
        "newer content",
        "other content, order unknown",
        "other content without sequencer",
        "nothing known of either content",
        "nothing known of the announced content",
        "another version of the same bytes",
        "an older model",
        "a model whose age is not told",
        "one model fewer",
        "gone then, perhaps back now",
        "late notification after a direct request for other bytes",
        "late direct request after one for other bytes",
        "late notification after a direct request for another version",
    ],
)
def test_scoring_is_needed(result: Result, event: S3Object) -> None:
    assert not makes_needless(result, event, MODELS)


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
def test_sequencers_are_compared_as_text_padded_on_the_right(older: str, newer: str) -> None:
    assert is_older(older, newer)
    assert not is_older(newer, older)


@pytest.mark.parametrize(("one", "other"), [("1", "1000"), ("ab", "AB"), ("0055AED6", "0055AED60")])
def test_sequencers_that_differ_in_padding_or_letter_case_are_equal(one: str, other: str) -> None:
    assert not is_older(one, other)
    assert not is_older(other, one)


@pytest.mark.parametrize("unknown", [None, ""])
def test_what_is_unknown_is_never_older(unknown: str | None) -> None:
    assert not is_older(unknown, "10")
    assert not is_older("10", unknown)
    assert not is_older(unknown, unknown)


HEX = st.text("0123456789abcdefABCDEF", min_size=1, max_size=20)


@given(HEX, HEX)
def test_the_order_is_that_of_the_numbers_the_padded_texts_stand_for(one: str, other: str) -> None:
    assert is_older(one, other) == (int(one.ljust(20, "0"), 16) < int(other.ljust(20, "0"), 16))
