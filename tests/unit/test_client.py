"""The worker reads the requests of the API's side as they were meant."""

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from worker.client import direct_request
from worker.intake import events
from worker.intake.events import Announced
from worker.messages import S3Object

BEGAN = datetime(2026, 1, 1, 12, 30, 15, 250_000, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
    lambda text: '"' not in text
)


def test_a_request_names_the_object_and_the_start_of_the_upload() -> None:
    stored = S3Object("photos", "uploads/a.jpg", "v1", "e1", 1000)
    assert direct_request("a", stored, BEGAN) == {
        "image_id": "a",
        "bucket": "photos",
        "key": "uploads/a.jpg",
        "version_id": "v1",
        "etag": "e1",
        "uploaded_at": "2026-01-01T12:30:15.250Z",
    }


def test_a_request_leaves_unknown_fields_out() -> None:
    assert set(direct_request("a", S3Object("b", "k"), BEGAN)) == {"image_id", "bucket", "key", "uploaded_at"}


@given(TEXT, TEXT, st.none() | TEXT, st.none() | TEXT, st.integers(0, 10**9))
def test_the_worker_reads_back_every_request(
    bucket: str, key: str, version_id: str | None, etag: str | None, later: int
) -> None:
    began = BEGAN + timedelta(milliseconds=later)
    stored = S3Object(bucket, key, version_id, etag)
    body = json.dumps(direct_request("a", stored, began))
    assert events.read(body) == [Announced(stored, began, "a")]
