"""Tests of the result record: the contract's JSON in and out, and what is refused."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from worker.result import Result, schema, timestamp

SCORED: dict[str, Any] = {
    "schema_version": 1,
    "image_id": "3f0e8a52-6a0f-4c11-9f0e-0a1b2c3d4e5f",
    "owner": "ada",
    "status": "scored",
    "score": 4,
    "score_mean": 3.82,
    "inference": {
        "reference": {
            "score_probs": [0.01, 0.04, 0.2, 0.62, 0.13],
            "score_mean": 3.82,
            "food_probability": 0.97,
            "labels": [{"name": "espresso", "probability": 0.95}, {"name": "cup", "probability": 0.03}],
        },
        "second": {"score_probs": None, "score_mean": 3.1, "food_probability": None, "labels": None},
    },
    "tip": {"id": "drink-4-a", "text": "Enjoy it without sugar."},
    "image_hash": "phash-1:c3d4c3d4c3d4c3d4",
    "image_colours": "lab-1:8898a8b89898a8a888989898889888a8",
    "decoded": "thumbnail",
    "duplicate_of": {"image_id": "0b6c3a1e-0000-4000-8000-000000000000", "distance": 2, "kind": "near"},
    "reused_from": None,
    "source": {
        "bucket": "photos",
        "key": "uploads/Müsli ☕.jpg",
        "etag": "b2c1f2a8e3d94c6ab2a4d1e6f0c9a7b5",
        "version_id": None,
        "sequencer": "0067750C01F9A3B27E",
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "via": "queue",
    },
    "models": {"reference": "1", "second": "3"},
    "timings_ms": {"notify": 22.0, "queue": 5.3, "total": 27.3},
    "error": None,
    "scored_at": "2026-01-01T00:00:00.000Z",
}
NOTHING: dict[str, Any] = {
    "score": None,
    "score_mean": None,
    "inference": {},
    "tip": None,
    "image_hash": None,
    "image_colours": None,
    "decoded": None,
    "duplicate_of": None,
}
FAULT = {"code": "unreadable_image", "message": "cut short"}
FAILED = SCORED | NOTHING | {"status": "failed", "error": FAULT}
UNRECOGNISED = SCORED | {"status": "unrecognised", "score": None, "score_mean": None}


@pytest.mark.parametrize("record", [SCORED, FAILED, UNRECOGNISED], ids=lambda record: record["status"])
def test_a_record_is_the_same_after_reading_and_writing(record: dict[str, Any]) -> None:
    text = json.dumps(record)
    assert json.loads(Result.model_validate_json(text).model_dump_json()) == record


def test_the_fields_have_the_order_of_the_contract() -> None:
    assert list(Result.model_fields) == list(SCORED)


def test_the_schema_has_every_field_and_says_which_are_required() -> None:
    found = json.loads(schema())
    always = {"image_id", "status", "inference", "source", "models", "timings_ms", "scored_at"}
    assert set(found["properties"]) == set(SCORED)
    assert set(found["required"]) == always
    assert found["properties"]["status"]["enum"] == ["scored", "unrecognised", "failed"]
    assert found["properties"]["scored_at"]["format"] == "date-time"
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert found["$id"] == "urn:photo-score-worker:result:1"


def test_fields_of_a_later_version_are_ignored() -> None:
    later = SCORED | {"colour": "brown", "tip": SCORED["tip"] | {"language": "en"}}
    assert Result.model_validate(later) == Result.model_validate(SCORED)


@pytest.mark.parametrize(
    "wrong",
    [
        {"schema_version": 2},
        {"status": "done"},
        {"score": 0},
        {"score": 6},
        {"score": 3.5},
        {"score_mean": 0.99},
        {"score_mean": 5.01},
        {"inference": {"reference": {"score_probs": [0.5, 0.5]}}},
        {"inference": {"reference": {"food_probability": 1.2}}},
        {"inference": {"reference": {"labels": [{"name": "espresso", "probability": -0.1}]}}},
        {"duplicate_of": {"image_id": "a", "distance": -1, "kind": "near"}},
        {"duplicate_of": {"image_id": "a", "distance": 1, "kind": "similar"}},
        {"source": None},
        {"error": {"code": "unreadable_image"}},
    ],
    ids=json.dumps,
)
def test_a_record_that_breaks_the_contract_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Result.model_validate(SCORED | wrong)


def test_a_record_is_immutable() -> None:
    result = Result.model_validate(SCORED)
    with pytest.raises(ValidationError):
        result.score = 5


def test_nan_is_written_as_null() -> None:
    result = Result.model_validate(SCORED | {"timings_ms": {"total": float("nan")}})
    assert json.loads(result.model_dump_json())["timings_ms"] == {"total": None}


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00.000Z"),
        (datetime(2026, 1, 1, 0, 0, 0, 999_999, UTC), "2026-01-01T00:00:00.999Z"),
        (datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=1))), "2025-12-31T23:30:00.000Z"),
    ],
)
def test_times_are_written_in_utc_with_milliseconds(moment: datetime, text: str) -> None:
    assert timestamp(moment) == text


@given(st.datetimes(datetime(1900, 1, 2), datetime(9998, 1, 1), timezones=st.timezones()))  # noqa: DTZ001 - bounds
def test_a_written_time_reads_as_the_same_millisecond(moment: datetime) -> None:
    assert timedelta(0) <= moment - datetime.fromisoformat(timestamp(moment)) < timedelta(milliseconds=1)
