"""The command `compare`: results of an older service in the same Redis."""

import json

import pytest

from tests.support import photos
from tests.support.rig import Rig


def test_the_results_of_two_services_are_compared(rig: Rig) -> None:
    with rig.worker():
        results = [rig.result(rig.client.submit(photos.coffee(quality=q), ".jpg")) for q in (80, 90)]
    same, other = (result.image_id for result in results)
    assert results[0].score is not None
    rig.redis.set(f"old:{same}", json.dumps({"answer": {"score": results[0].score}}))
    rig.redis.set(f"old:{other}", json.dumps({"answer": {"score": 1}}))
    rig.redis.set("old:never-seen-here", json.dumps({"answer": {"score": 1}}))
    rig.redis.set("old:list:of:something", "else")
    code, out, err = rig.run("compare", "old:{image_id}", "--score", "answer.score")
    assert (code, err) == (0, "")
    assert "2 photos compared: 50.0% the same score" in out
    assert "1 only the other has" in out
    assert f"furthest apart, other → this one:\n  1 → {results[1].score}  {other}\n" in out


@pytest.mark.parametrize(
    ("key", "code", "message"),
    [
        ("nowhere:{image_id}", 1, "no key in this Redis is like nowhere:{image_id}"),
        ("old", 2, "{image_id} once"),
    ],
)
def test_nothing_to_compare_is_reported(rig: Rig, key: str, code: int, message: str) -> None:
    ended, out, err = rig.run("compare", key)
    assert (ended, message in out + err) == (code, True)


def test_a_path_at_which_nothing_has_a_score_is_reported(rig: Rig) -> None:
    with rig.worker():
        result = rig.result(rig.client.submit(photos.coffee(), ".jpg"))
    rig.redis.set(f"old:{result.image_id}", json.dumps({"score": 4}))
    code, out, _ = rig.run("compare", "old:{image_id}", "--score", "nope")
    assert (code, out) == (1, "0 photos compared: nothing that both have has a score at nope (1 looked at)\n")


def test_templates_of_which_only_one_names_an_owner_are_refused(rig: Rig) -> None:
    code, _, err = rig.run("compare", "old:{owner}:{image_id}")
    assert (code, "name an {owner}" in err) == (2, True)
