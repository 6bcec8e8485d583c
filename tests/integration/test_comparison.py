"""Results of an older service in the same Redis, held against the worker's."""

import json

import pytest

from tests.integration.test_seen_before import command
from tests.support import photos
from tests.support.stand import Stand


def test_the_results_of_two_services_are_compared(stand: Stand) -> None:
    with stand.worker():
        results = [stand.result(stand.client.submit(photos.coffee(quality=q), ".jpg")) for q in (80, 90)]
    same, other = (result.image_id for result in results)
    assert results[0].score is not None
    stand.redis.set(f"old:{same}", json.dumps({"answer": {"score": results[0].score}}))
    stand.redis.set(f"old:{other}", json.dumps({"answer": {"score": 1}}))
    stand.redis.set("old:never-seen-here", json.dumps({"answer": {"score": 1}}))
    stand.redis.set("old:list:of:something", "else")
    code, out, err = command(stand, "compare", "old:{image_id}", "--score", "answer.score")
    assert (code, err) == (0, "")
    assert "2 photos compared: 50.0% the same score" in out
    assert "1 only the other has" in out
    assert f"furthest apart: {other}" in out.replace("\n", " ")


@pytest.mark.parametrize(
    ("key", "code", "said"), [("nowhere:{image_id}", 1, "0 photos"), ("old", 2, "{image_id} once")]
)
def test_nothing_to_compare_is_said(stand: Stand, key: str, code: int, said: str) -> None:
    found, out, err = command(stand, "compare", key)
    assert (found, said in out + err) == (code, True)
